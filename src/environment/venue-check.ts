/** Asks both venues, before a run relies on them, whether they answer, list what is traded, by the rules we know, and share our time. */

import { Decimal } from '../base/decimal.ts'
import { OperatingError } from '../base/error.ts'
import type { Clock } from '../clock/clock.ts'
import { SystemClock } from '../clock/system-clock.ts'
import { instrumentOf, tickSizeAt, type InstrumentFacts, type Venue } from '../model/instrument.ts'
import type { OrderBook } from '../model/order-book.ts'
import { parseBookTickers, parseExchangeInfo } from '../venues/binance/parse.ts'
import { binanceCost, binanceRules } from '../venues/binance/rest.ts'
import { NetworkTransport, type VenueEndpoints } from '../venues/network-transport.ts'
import type { RateCost, RateLimit } from '../venues/rate-limit.ts'
import type { HttpResponse } from '../venues/transport.ts'
import { parseMarketList, parseOrderBooks, parseTickSizes } from '../venues/upbit/parse.ts'
import { upbitRules } from '../venues/upbit/rest.ts'
import { VenueGate, type VenueRules } from '../venues/venue-gate.ts'
import { notReady } from './environment-error.ts'

export interface VenueCheckOptions {
  instruments: readonly InstrumentFacts[]
  requestTimeoutMs: number
  /** Beyond what the measurement itself may be off. */
  maxClockOffsetMs: number
}

/** What is wrong, and what to do about it: in words, or as an entry of `venues.instruments`. */
type Trouble = { message: string } & ({ hint: string } | { correction: string })

/** What a venue says of one of its markets, as far as it says it. */
interface Listing {
  tickSize?: Decimal | undefined
  lotSize?: Decimal
  minNotional?: Decimal
  book?: OrderBook | undefined
  /** Why it cannot be traded. */
  refusal?: string | undefined
}

/** Those that a venue does not list are left out. */
type Listings = ReadonlyMap<string, Listing>

const clockSamples = 3
/** Keeps the request line under 8 KiB, the usual limit of HTTP servers. */
const maxCodesPerRequest = 400
/** Of each venue's troubles in the message; the hint has a correction for every one. */
const maxNamedTroubles = 5

/** What was found, in words. Throws ENVIRONMENT_NOT_READY with what is wrong at both venues. */
export async function checkVenues(endpoints: VenueEndpoints, options: VenueCheckOptions): Promise<string> {
  const clock = new SystemClock()
  const transport = new NetworkTransport({ clock, endpoints })
  const parts = { ...options, clock, transport, endpoints }
  try {
    const checks = [new VenueCheck(upbitRules, upbitListings, parts), new VenueCheck(binanceRules, binanceListings, parts)]
    await Promise.all(checks.map((check) => check.run()))
    const troubles = checks.flatMap((check) => check.troubles)
    if (troubles.length > 0) throw notReady(checks.flatMap((check) => check.words()).join('; '), hintOf(troubles))
    return checks.map((check) => check.summary()).join('; ')
  } finally {
    await transport.close()
  }
}

function hintOf(troubles: readonly Trouble[]): string {
  const hints = new Set(troubles.flatMap((trouble) => ('hint' in trouble ? [trouble.hint] : [])))
  const corrections = troubles.flatMap((trouble) => ('correction' in trouble ? [trouble.correction] : []))
  if (corrections.length > 0) hints.add(`What the venues say, for the config: venues: { instruments: { ${corrections.join(', ')} } }`)
  return [...hints].join(' ')
}

interface VenueCheckParts extends VenueCheckOptions {
  clock: Clock
  transport: NetworkTransport
  endpoints: VenueEndpoints
}

class VenueCheck {
  readonly troubles: Trouble[] = []
  readonly codes: readonly string[]
  readonly #venue: Venue
  readonly #askListings: (check: VenueCheck) => Promise<Listings>
  readonly #instruments: readonly InstrumentFacts[]
  readonly #parts: VenueCheckParts
  /** Keeps to the venue's limits, also where there are many instruments, and compares the clocks. */
  readonly #gate: VenueGate
  #clockText = ''

  constructor(rules: VenueRules, askListings: (check: VenueCheck) => Promise<Listings>, parts: VenueCheckParts) {
    this.#venue = rules.venue
    this.#askListings = askListings
    this.#parts = parts
    this.#instruments = parts.instruments.filter(({ venue }) => venue === rules.venue)
    this.codes = this.#instruments.map(({ code }) => code)
    this.#gate = new VenueGate({ rules, ...parts, measuresClock: true })
  }

  /** Throws only what is our own mistake. */
  async run(): Promise<void> {
    try {
      const listings = await this.#askListings(this)
      for (const facts of this.#instruments) this.#compare(facts, listings.get(facts.code))
      this.#compareClocks()
    } catch (error) {
      if (!(error instanceof OperatingError)) throw error
      const { restUrl } = this.#parts.endpoints[this.#venue]
      this.troubles.push({
        message: `${error.message}, at ${restUrl}`,
        hint: `${error.hint} market: loopback, without addresses, needs no network.`,
      })
    }
  }

  words(): string[] {
    const words = this.troubles.slice(0, maxNamedTroubles).map(({ message }) => message)
    const more = this.troubles.length - words.length
    return more > 0 ? [...words, `and ${more} more at ${this.#venue}`] : words
  }

  summary(): string {
    return `${this.#venue} lists ${this.codes.length} instruments at ${this.#parts.endpoints[this.#venue].restUrl}${this.#clockText}`
  }

  ask(target: string, cost: RateCost): Promise<HttpResponse> {
    const timeoutMs = this.#parts.requestTimeoutMs
    return this.#gate.order(cost, timeoutMs, () => this.#gate.request({ venue: this.#venue, target, timeoutMs }))
  }

  #compare(facts: InstrumentFacts, said: Listing | undefined): void {
    const { venue, code } = facts
    if (said === undefined) {
      this.troubles.push({
        message: `${venue} does not list ${code}`,
        hint: "Take the symbol out of the campaign, or give the venue's own code under venues.routes.",
      })
    } else if (said.refusal !== undefined) {
      this.troubles.push({
        message: `${venue} ${code} cannot be traded now: ${said.refusal}`,
        hint: 'Take the symbol out of the campaign, or wait until the venue trades it again.',
      })
    } else this.#compareRules(facts, said)
  }

  /** What is rounded by other rules than the venue's is filled on paper and refused in life. */
  #compareRules(facts: InstrumentFacts, { tickSize, lotSize, minNotional, book }: Listing): void {
    const own = instrumentOf(facts)
    // Prices move between two answers, so where bands meet the tick of either side will do.
    const ticks = [book?.asks[0], book?.bids[0]].flatMap((level) => (level ? [tickSizeAt(own, Decimal.fromNumber(level.price))] : []))
    const differences = [
      differenceOf('tick', ticks, tickSize),
      differenceOf('lot', [own.lotSize], lotSize),
      differenceOf('minNotional', [own.minNotional], minNotional),
    ].filter((difference) => difference !== null)
    if (differences.length === 0) return
    this.troubles.push({
      message: `${facts.venue} ${facts.code} has other rules at the venue: ${differences.map(({ words }) => words).join(', ')}`,
      correction: `'${facts.venue}:${facts.code}': { ${differences.map(({ key, said }) => `${key}: '${said}'`).join(', ')} }`,
    })
  }

  #compareClocks(): void {
    const { clockOffsetMs, clockErrorMs } = this.#gate.takeCounts()
    if (clockOffsetMs === null || clockErrorMs === null) return
    const { maxClockOffsetMs } = this.#parts
    const offset = `${Math.round(clockOffsetMs)} ± ${Math.ceil(clockErrorMs)} ms from ours`
    this.#clockText = `, its clock ${offset}`
    if (Math.abs(clockOffsetMs) - clockErrorMs <= maxClockOffsetMs) return
    this.troubles.push({
      message: `the clock of ${this.#venue} is ${offset}, and may be ${maxClockOffsetMs}`,
      hint: 'Set the clock of this machine (NTP), or raise venues.maxClockOffsetMs.',
    })
  }
}

async function upbitListings(check: VenueCheck): Promise<Listings> {
  // Counted apart from order books, and asked for once.
  const listed = parseMarketList(await check.ask('/v1/market/all', {}))
  const listings = new Map<string, Listing>()
  for (const codes of batchesOf(check.codes.filter((code) => listed.has(code)))) {
    const markets = codes.join(',')
    const ticks = parseTickSizes(await check.ask(`/v1/orderbook/instruments?markets=${markets}`, { orderbook: 1 }))
    const { books, refusals } = parseOrderBooks(await check.ask(`/v1/orderbook?markets=${markets}&count=1`, { orderbook: 1 }))
    for (const code of codes) {
      const book = books.get(code)
      listings.set(code, { tickSize: ticks.get(code), book, refusal: book ? undefined : noBook(refusals.get(code)) })
    }
  }
  return listings
}

async function binanceListings(check: VenueCheck): Promise<Listings> {
  for (let i = 0; i < clockSamples; i++) await check.ask('/api/v3/time', binanceCost(1))
  // Of all markets, since one code that is not listed would fail an answer for named ones.
  const { books, refusals } = parseBookTickers(await check.ask('/api/v3/ticker/bookTicker', binanceCost(4)), () => 0)
  const listings = new Map<string, Listing>()
  let limits: readonly RateLimit[] = []
  for (const codes of batchesOf(check.codes.filter((code) => books.has(code) || refusals.has(code)))) {
    const symbols = encodeURIComponent(JSON.stringify(codes))
    const info = parseExchangeInfo(await check.ask(`/api/v3/exchangeInfo?symbols=${symbols}&showPermissionSets=false`, binanceCost(20)))
    limits = info.limits
    for (const code of codes) {
      const said = info.instruments.get(code)
      const book = books.get(code)
      if (said === undefined) listings.set(code, { refusal: info.refusals.get(code) ?? 'nothing is said of it' })
      else if (said.status !== 'TRADING') listings.set(code, { refusal: `its status is ${said.status}` })
      else listings.set(code, { ...said, book, refusal: book ? undefined : noBook(refusals.get(code)) })
    }
  }
  check.troubles.push(...weightTroubles(limits))
  return listings
}

/** Of the weight alone: every request weighs something, so that the limit of their number is never the first to be met. */
function weightTroubles(limits: readonly RateLimit[]): Trouble[] {
  const isWeight = ({ name }: RateLimit): boolean => name === 'REQUEST_WEIGHT'
  const [own, said] = [binanceRules.limits.find(isWeight), limits.find(isWeight)]
  if (own === undefined || said === undefined || perMinute(said) >= perMinute(own)) return []
  const message = `binance allows a request weight of ${perMinute(said)} a minute, and we are made for ${perMinute(own)}`
  return [{ message, hint: 'To stay within it, lower maxWeightPerMinute in src/venues/binance/rest.ts.' }]
}

function perMinute({ max, windowMs }: RateLimit): number {
  return (max * 60_000) / windowMs
}

function noBook(refusal: string | undefined): string {
  return `it has no order book${refusal === undefined ? '' : `, ${refusal}`}`
}

function batchesOf(codes: readonly string[]): string[][] {
  const batches: string[][] = []
  for (let i = 0; i < codes.length; i += maxCodesPerRequest) batches.push(codes.slice(i, i + maxCodesPerRequest))
  return batches
}

/** `own`: any of these is right; the first one stands for them in words. */
function differenceOf(key: string, own: readonly Decimal[], said: Decimal | undefined) {
  const [first] = own
  if (first === undefined || said === undefined || own.some((size) => size.equals(said))) return null
  return { key, said: said.toString(), words: `${key} ${said.toString()}, not ${first.toString()}` }
}
