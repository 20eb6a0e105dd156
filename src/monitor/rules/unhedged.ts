/** Rule `unhedged`: the legs of a trade have differed for a whole window. For the monitor. */

import type { LogEvent, OrderFilled, SessionOpened, Unwound } from '../../model/event.ts'
import { legs, type Leg } from '../../model/route.ts'
import type { Trade } from '../../model/trade.ts'
import { inSeconds, type Rule, type RuleContext } from '../rule.ts'

/**
 * Dust that no venue takes, on each leg, and as much again that an earlier trade had left and this one has swept: four times the larger of
 * the venues' least orders, 5 USDT, in won.
 */
const maxDustKrw = 30_000
/** Beyond, the trade that has been hedged for longest is no longer watched. */
const maxTrades = 10_000

interface Exposure {
  symbol: string
  /** Base bought minus base sold, as the fills say. */
  net: Record<Leg, number>
  /** What the last unwind said that was left in excess. */
  stated: Record<Leg, number>
  priceKrw: number
  sinceMs: number | null
  isRaised: boolean
}

/** Two witnesses: the fills, which say what was traded whatever the engine believes, and the excess that an unwind says is left. */
export class UnhedgedRule implements Rule {
  readonly #context: RuleContext
  readonly #exposures = new Map<string, Exposure>()
  readonly #exposed = new Set<string>()

  constructor(context: RuleContext) {
    this.#context = context
  }

  observe(event: LogEvent, nowMs: number): void {
    if (event.event === 'session-opened') this.#opened(event, nowMs)
    else if (event.event === 'order-filled') this.#filled(event, nowMs)
    else if (event.event === 'unwind') this.#unwound(event, nowMs)
    else if (event.event === 'exit' || event.event === 'entry-failed') this.#ended(event.tradeId)
  }

  advance(toMs: number): void {
    for (const tradeId of this.#exposed) {
      const exposure = this.#exposures.get(tradeId)
      if (exposure === undefined || exposure.sinceMs === null || exposure.isRaised) continue
      const dueMs = Math.max(exposure.sinceMs + this.#context.settings.windowMs, this.#context.judgedFromMs)
      if (dueMs <= toMs) this.#raise(tradeId, exposure, exposure.sinceMs, dueMs)
    }
  }

  /** What an earlier attempt left open comes hedged, but for its excess. */
  #opened({ openTrades }: SessionOpened, nowMs: number): void {
    for (const { tradeId, symbol, quantity, notionalKrw, ...trade } of openTrades) {
      const exposure = this.#exposureOf(tradeId, symbol)
      // Logs of other engines may leave it out.
      const excess = trade.excess as Trade['excess'] | undefined
      for (const leg of legs) exposure.net[leg] = Number(excess?.[leg] ?? 0)
      // Without a hedged part nothing says what it is worth, and the notional stands for it.
      exposure.priceKrw = Number(notionalKrw) / (Number(quantity) || Math.abs(excessOf(exposure)))
      this.#judge(tradeId, exposure, nowMs)
    }
  }

  #filled({ tradeId, symbol, leg, side, quantity, notional, instrument, fxKrwPerUsdt }: OrderFilled, nowMs: number): void {
    const exposure = this.#exposureOf(tradeId, symbol)
    exposure.net[leg] += side === 'buy' ? Number(quantity) : -Number(quantity)
    exposure.stated[leg] = 0
    exposure.priceKrw = (Number(notional) / Number(quantity)) * (instrument.startsWith('KRW-') ? 1 : fxKrwPerUsdt)
    this.#judge(tradeId, exposure, nowMs)
  }

  #unwound({ tradeId, symbol, leg, excessQuantity }: Unwound, nowMs: number): void {
    const exposure = this.#exposureOf(tradeId, symbol)
    exposure.stated[leg] = Number(excessQuantity)
    this.#judge(tradeId, exposure, nowMs)
  }

  /** An exposure does not end with its trade: nobody looks after it any more. */
  #ended(tradeId: string): void {
    if (!this.#exposed.has(tradeId)) this.#exposures.delete(tradeId)
  }

  #exposureOf(tradeId: string, symbol: string): Exposure {
    const known = this.#exposures.get(tradeId)
    if (known) return known
    for (const [oldId] of this.#exposures) {
      if (this.#exposures.size < maxTrades) break
      this.#exposures.delete(oldId)
      this.#exposed.delete(oldId)
    }
    const exposure = { symbol, net: { a: 0, b: 0 }, stated: { a: 0, b: 0 }, priceKrw: 0, sinceMs: null, isRaised: false }
    this.#exposures.set(tradeId, exposure)
    return exposure
  }

  #judge(tradeId: string, exposure: Exposure, nowMs: number): void {
    const isExposed = Math.abs(excessOf(exposure)) * exposure.priceKrw > maxDustKrw
    if (!isExposed) {
      exposure.sinceMs = null
      exposure.isRaised = false
      this.#exposed.delete(tradeId)
      return
    }
    exposure.sinceMs ??= nowMs
    this.#exposed.add(tradeId)
  }

  #raise(tradeId: string, exposure: Exposure, sinceMs: number, atMs: number): void {
    exposure.isRaised = true
    const { symbol, net, priceKrw } = exposure
    const excess = excessOf(exposure)
    const leg = Math.abs(net.a) > Math.abs(net.b) ? 'a' : 'b'
    const worthKrw = Math.round(Math.abs(excess) * priceKrw)
    const quantity = Number(Math.abs(excess).toPrecision(10))
    this.#context.raise({
      symbol,
      atMs,
      sinceMs,
      message: `${tradeId}: leg ${leg} is ${quantity} ahead of the other, ${worthKrw} KRW unhedged for ${inSeconds(atMs - sinceMs)}`,
      cause: `leg ${leg}`,
      evidence: [`${tradeId} base bought minus sold: leg a ${net.a}, leg b ${net.b}`],
    })
  }
}

/** Signed. The legs of a hedged trade cancel each other. */
function excessOf({ net, stated }: Exposure): number {
  const filled = net.a + net.b
  const said = stated.a + stated.b
  return Math.abs(said) > Math.abs(filled) ? said : filled
}
