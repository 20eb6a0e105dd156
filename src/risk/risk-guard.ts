/** The risk guard: every entry asks it first, and its answer is a reservation. Limits hold over all symbols at every instant. */

import { assert } from '../base/assert.ts'
import { Decimal } from '../base/decimal.ts'
import type { BlockReason, SeenByGuard } from '../model/event.ts'
import type { Venue } from '../model/instrument.ts'
import type { Direction } from '../model/route.ts'
import type { Trade } from '../model/trade.ts'
import { ChangeTracker, readStored, type StateChanges } from '../portfolio/change-tracker.ts'
import type { CircuitBreaker } from './circuit-breaker.ts'
import { type Available, InventoryHolds, type RequiredAsset } from './inventory-holds.ts'
import { brokenLimit, type RiskSettings, type SymbolRiskSettings } from './limits.ts'
import { LocalMidnight } from './local-midnight.ts'

export interface EntryRequest {
  /** The id that the trade will have: its reservation goes by it. */
  tradeId: string
  symbol: string
  direction: Direction
  notionalKrw: number
  /** Of the older of both legs' quotes and the FX quote. */
  quoteAgeMs: number
  unchangedMs: number
  venues: readonly Venue[]
  /** One an order. */
  required: readonly RequiredAsset[]
  available: Available
  nowMs: number
}

export type GuardDecision =
  | { outcome: 'allow'; reason: null; seen: SeenByGuard }
  | { outcome: 'block'; reason: BlockReason; seen: SeenByGuard }
  | { outcome: 'stop-session'; reason: BlockReason; seen: SeenByGuard }

interface Reservation {
  symbol: string
  notional: Decimal
}

/** What the guard counts, once for each symbol and once over all. */
interface Counters {
  openTrades: number
  exposure: Decimal
  /** Since the last local midnight; a loss is negative. */
  dailyProfit: Decimal
}

interface StoredGuard {
  resetAtMs: number | null
  dailyProfitKrw: string
}

const guardKey = 'guard'
/** However often entries on a symbol have failed, it is tried again after this: sooner than a guard that blocks counts as trouble. */
const failureCooldownMaxMs = 120_000

/**
 * A reservation lives as long as its trade: `decide` makes it, `closed` or `failed` ends it. Orders are held inside it: `decide` holds the
 * entry's, `holdOrders` those of an exit or unwind, and `settled` frees them once they are done.
 */
export class RiskGuard {
  readonly #settings: RiskSettings
  readonly #breaker: Pick<CircuitBreaker, 'isOpen'>
  readonly #midnight: LocalMidnight
  readonly #holds = new InventoryHolds()
  readonly #reservations = new Map<string, Reservation>()
  readonly #overall: Counters = { openTrades: 0, exposure: Decimal.zero, dailyProfit: Decimal.zero }
  readonly #bySymbol = new Map<string, Counters>()
  readonly #cooldownUntilMs = new Map<string, number>()
  /** Entries that have failed one after the other. A killed engine counts anew, from a cooldown that is stored. */
  readonly #failuresInARow = new Map<string, number>()
  readonly #changes = new ChangeTracker()
  #resetAtMs: number | null = null
  #stoppedBecause: string | null = null

  constructor(settings: RiskSettings, breaker: Pick<CircuitBreaker, 'isOpen'>) {
    this.#settings = settings
    this.#breaker = breaker
    this.#midnight = new LocalMidnight(settings.dailyResetTimeZone)
  }

  /** Continues where a stopped engine was: counters and cooldowns as stored, a reservation for each trade that is still open. */
  restore(stored: ReadonlyMap<string, string>, openTrades: readonly Trade[]): void {
    assert(this.#reservations.size === 0, 'a guard is restored before it decides')
    readStored('counters of the guard', () => {
      for (const [key, text] of stored) this.#restoreValue(key, text)
    })
    for (const trade of openTrades) this.#reserve(trade.tradeId, trade.symbol, Decimal.parse(trade.notionalKrw))
  }

  /** Why no entry is allowed any more, or null. */
  get stoppedBecause(): string | null {
    return this.#stoppedBecause
  }

  /** The kill switch: from now on every entry is blocked. Exits and unwinds go on. */
  stopSession(reason: string): void {
    this.#stoppedBecause ??= reason
  }

  /** Checks and reserves in one step, so that two symbols in one loop cannot both take the last of anything. */
  decide(request: EntryRequest): GuardDecision {
    const { notionalKrw, quoteAgeMs, unchangedMs } = request
    // A NaN passes every comparison with a limit.
    assert(notionalKrw > 0 && Number.isFinite(notionalKrw + quoteAgeMs + unchangedMs), `unusable figures of ${request.tradeId}`)
    this.#resetIfDue(request.nowMs)
    const seen = this.#seen(request)
    if (this.#stoppedBecause !== null) return { outcome: 'block', reason: 'session-stopped', seen }
    if (seen.dailyLossKrw >= this.#settings.global.maxDailyLossKrw) {
      this.stopSession('max-daily-loss')
      return { outcome: 'stop-session', reason: 'max-daily-loss', seen }
    }
    const reason = this.#blockReason(request, seen)
    if (reason !== null) return { outcome: 'block', reason, seen }
    this.#reserve(request.tradeId, request.symbol, Decimal.fromNumber(notionalKrw))
    return { outcome: 'allow', reason: null, seen }
  }

  /**
   * For the orders of an exit or an unwind. They reduce risk, so no limit stops them, nor the kill switch; but they too spend only what no
   * other order counts on. Returns whether they may be sent.
   */
  holdOrders(tradeId: string, required: readonly RequiredAsset[], available: Available): boolean {
    this.#reservation(tradeId)
    assert(this.#holds.orderCount(tradeId) === 0, `${tradeId} has orders under way`)
    return this.#holds.take(tradeId, required, available)
  }

  /** All orders under way of this trade are done. */
  settled(tradeId: string): void {
    this.#reservation(tradeId)
    this.#holds.release(tradeId)
  }

  /** The trade was closed whole. */
  closed(tradeId: string, realisedKrw: Decimal, nowMs: number): void {
    const { symbol } = this.#reservation(tradeId)
    this.#failuresInARow.delete(symbol)
    this.#end(tradeId, realisedKrw, nowMs, this.#symbolSettings(symbol).cooldownMs)
  }

  /** The entry ended with nothing hedged. Each costs fees, so every further one in a row is followed by twice the cooldown. */
  failed(tradeId: string, realisedKrw: Decimal, nowMs: number): void {
    const { symbol } = this.#reservation(tradeId)
    const earlier = this.#failuresInARow.get(symbol) ?? 0
    this.#failuresInARow.set(symbol, earlier + 1)
    const { failureCooldownMs } = this.#symbolSettings(symbol)
    // 2 ** 1024 is Infinity, and no cooldown times Infinity is no number.
    const doubledMs = failureCooldownMs * 2 ** Math.min(earlier, 30)
    const cooldownMs = Math.min(doubledMs, Math.max(failureCooldownMs, failureCooldownMaxMs))
    this.#end(tradeId, realisedKrw, nowMs, cooldownMs)
  }

  /** All that has to be stored since the last take. The taker keeps it until it is stored. */
  takeChanges(): StateChanges {
    return this.#changes.take((key) => this.#valueOf(key))
  }

  #blockReason(request: EntryRequest, seen: SeenByGuard): BlockReason | null {
    const { global } = this.#settings
    const symbol = this.#symbolSettings(request.symbol)
    if (request.venues.some((venue) => this.#breaker.isOpen(venue, request.nowMs))) return 'venue-circuit-open'
    if (request.unchangedMs > global.maxUnchangedMs) return 'stale-quote'
    if (request.nowMs < (this.#cooldownUntilMs.get(request.symbol) ?? -Infinity)) return 'cooldown'
    const broken = brokenLimit(seen, global, symbol)
    if (broken !== null) return broken
    if (this.#ordersUnderWay(request.symbol) + request.required.length > symbol.maxConcurrentOrders) return 'symbol-max-concurrent-orders'
    return this.#holds.take(request.tradeId, request.required, request.available) ? null : 'insufficient-inventory'
  }

  #seen(request: EntryRequest): SeenByGuard {
    const symbol = this.#counters(request.symbol)
    return {
      notionalKrw: request.notionalKrw,
      openTrades: this.#overall.openTrades,
      symbolOpenTrades: symbol.openTrades,
      exposureKrw: this.#overall.exposure.toNumber(),
      symbolCapitalKrw: symbol.exposure.toNumber(),
      dailyLossKrw: lossOf(this.#overall),
      symbolDailyLossKrw: lossOf(symbol),
      quoteAgeMs: request.quoteAgeMs,
    }
  }

  #ordersUnderWay(symbol: string): number {
    let count = 0
    for (const [tradeId, reservation] of this.#reservations) {
      if (reservation.symbol === symbol) count += this.#holds.orderCount(tradeId)
    }
    return count
  }

  #reserve(tradeId: string, symbol: string, notional: Decimal): void {
    assert(!this.#reservations.has(tradeId), `${tradeId} is reserved already`)
    this.#reservations.set(tradeId, { symbol, notional })
    for (const counters of [this.#overall, this.#counters(symbol)]) {
      counters.openTrades++
      counters.exposure = counters.exposure.add(notional)
    }
  }

  #end(tradeId: string, realised: Decimal, nowMs: number, cooldownMs: number): void {
    this.#resetIfDue(nowMs)
    const { symbol, notional } = this.#reservation(tradeId)
    this.#holds.release(tradeId)
    this.#reservations.delete(tradeId)
    for (const counters of [this.#overall, this.#counters(symbol)]) {
      counters.openTrades--
      counters.exposure = counters.exposure.subtract(notional)
      counters.dailyProfit = counters.dailyProfit.add(realised)
    }
    this.#cooldownUntilMs.set(symbol, Math.max(nowMs + cooldownMs, this.#cooldownUntilMs.get(symbol) ?? 0))
    for (const key of [guardKey, `${guardKey}:${symbol}`, `cooldown:${symbol}`]) this.#changes.mark(key)
  }

  /** Each local midnight once, also where several have passed or the engine was down: a stored counter whose time is over resets here. */
  #resetIfDue(nowMs: number): void {
    if (this.#resetAtMs !== null && nowMs < this.#resetAtMs) return
    if (this.#resetAtMs !== null) this.#resetDailyProfits()
    this.#resetAtMs = this.#midnight.nextAfter(nowMs)
  }

  #resetDailyProfits(): void {
    this.#overall.dailyProfit = Decimal.zero
    for (const [symbol, counters] of this.#bySymbol) {
      if (counters.dailyProfit.isZero()) continue
      counters.dailyProfit = Decimal.zero
      this.#changes.mark(`${guardKey}:${symbol}`)
    }
  }

  #restoreValue(key: string, text: string): void {
    const [kind, symbol] = key.split(':')
    if (kind === guardKey && symbol === undefined) {
      const { resetAtMs, dailyProfitKrw } = JSON.parse(text) as StoredGuard
      this.#resetAtMs = resetAtMs
      this.#overall.dailyProfit = Decimal.parse(dailyProfitKrw)
    } else if (kind === guardKey && symbol !== undefined) {
      this.#counters(symbol).dailyProfit = Decimal.parse(JSON.parse(text) as string)
    } else if (kind === 'cooldown' && symbol !== undefined) {
      this.#cooldownUntilMs.set(symbol, JSON.parse(text) as number)
    }
  }

  #valueOf(key: string): unknown {
    if (key === guardKey) {
      return { resetAtMs: this.#resetAtMs, dailyProfitKrw: this.#overall.dailyProfit.toString() } satisfies StoredGuard
    }
    const [kind, symbol = ''] = key.split(':')
    if (kind === 'cooldown') return this.#cooldownUntilMs.get(symbol) ?? null
    const { dailyProfit } = this.#counters(symbol)
    return dailyProfit.isZero() ? null : dailyProfit.toString()
  }

  #reservation(tradeId: string): Reservation {
    const reservation = this.#reservations.get(tradeId)
    assert(reservation, `${tradeId} has no reservation`)
    return reservation
  }

  #counters(symbol: string): Counters {
    const known = this.#bySymbol.get(symbol)
    if (known !== undefined) return known
    const counters: Counters = { openTrades: 0, exposure: Decimal.zero, dailyProfit: Decimal.zero }
    this.#bySymbol.set(symbol, counters)
    return counters
  }

  #symbolSettings(symbol: string): SymbolRiskSettings {
    const settings = this.#settings.symbols[symbol]
    assert(settings, `no limits for the symbol ${symbol}`)
    return settings
  }
}

function lossOf(counters: Counters): number {
  return counters.dailyProfit.isNegative() ? -counters.dailyProfit.toNumber() : 0
}
