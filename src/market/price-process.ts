/** Fair prices: a correlated random walk of each base asset in USDT, and a mean-reverting KRW per USDT. Stepped by the simulated market. */

import type { Prng } from '../base/prng.ts'

export interface PriceSettings {
  /** Start prices in USDT by asset; an asset that is not listed draws one from the seed. */
  startPricesUsdt: Record<string, number>
  /** What KRW per USDT reverts to. */
  krwPerUsdt: number
  /** Standard deviation of BTC's return over one second; other assets move in proportion. */
  volatilityBps: number
}

/** Volatility relative to BTC's and correlation with the common factor; BTC and ETH correlate at 0.95 x 0.9. */
const knownAssets: Record<string, { volatility: number; correlation: number }> = {
  BTC: { volatility: 1, correlation: 0.95 },
  ETH: { volatility: 1.3, correlation: 0.9 },
}
const fxDeviationBps = 17
const fxTimeSeconds = 23 * 60

function drawAsset(prng: Prng): { volatility: number; correlation: number } {
  return { volatility: 1.3 + 1.2 * prng.next(), correlation: 0.5 + 0.4 * prng.next() }
}

export class PriceProcess {
  /** Natural logarithms: prices in USDT, in the order of the assets given, and KRW per USDT. */
  readonly logUsdt: Float64Array
  logKrwPerUsdt: number
  readonly #common: Float64Array
  readonly #own: Float64Array
  readonly #market: Prng
  readonly #prngs: readonly Prng[]
  readonly #fxPrng: Prng
  readonly #logFxLevel: number
  readonly #fxKept: number
  readonly #fxShock: number

  /** Each asset has numbers of its own, so that one more asset leaves the others' paths alone. */
  constructor(assets: readonly string[], settings: PriceSettings, prng: Prng, stepMs: number) {
    const stepSigma = settings.volatilityBps * 1e-4 * Math.sqrt(stepMs / 1000)
    this.#prngs = assets.map((asset) => prng.fork(`asset:${asset}`))
    this.#market = prng.fork('market')
    this.#fxPrng = prng.fork('fx')
    this.logUsdt = new Float64Array(assets.length)
    this.#common = new Float64Array(assets.length)
    this.#own = new Float64Array(assets.length)
    assets.forEach((asset, index) => {
      const draws = prng.fork(`asset-draw:${asset}`)
      const { volatility, correlation } = knownAssets[asset] ?? drawAsset(draws)
      // Between 1 and 1,000 USDT a KRW tick is at most seven basis points.
      this.logUsdt[index] = Math.log(settings.startPricesUsdt[asset] ?? 1000 ** draws.next())
      this.#common[index] = stepSigma * volatility * correlation
      this.#own[index] = stepSigma * volatility * Math.sqrt(1 - correlation ** 2)
    })
    const deviation = fxDeviationBps * 1e-4
    this.#logFxLevel = Math.log(settings.krwPerUsdt)
    this.#fxKept = Math.exp(-stepMs / 1000 / fxTimeSeconds)
    this.#fxShock = deviation * Math.sqrt(1 - this.#fxKept ** 2)
    this.logKrwPerUsdt = this.#logFxLevel + deviation * this.#fxPrng.gaussian()
  }

  step(): void {
    const market = this.#market.gaussian()
    for (let i = 0; i < this.#prngs.length; i++) {
      const own = (this.#prngs[i] as Prng).gaussian()
      this.logUsdt[i] = (this.logUsdt[i] as number) + (this.#common[i] as number) * market + (this.#own[i] as number) * own
    }
    this.logKrwPerUsdt = this.#logFxLevel + this.#fxKept * (this.logKrwPerUsdt - this.#logFxLevel) + this.#fxShock * this.#fxPrng.gaussian()
  }
}
