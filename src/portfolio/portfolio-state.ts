/** What the engine owns and owes: balances, open trades, dust, realised profit, next ids, and which of it has to be stored. */

import { assert } from '../base/assert.ts'
import { Decimal } from '../base/decimal.ts'
import type { Venue } from '../model/instrument.ts'
import type { Balance } from '../model/money.ts'
import type { Fill, OrderRequest } from '../model/order.ts'
import type { Direction, Leg } from '../model/route.ts'
import type { Realised, Trade } from '../model/trade.ts'
import { ChangeTracker, readStored, type StateChanges } from './change-tracker.ts'
import { Ledger } from './ledger.ts'
import { OpenTrade } from './open-trade.ts'

export interface OpenTradeRequest {
  symbol: string
  direction: Direction
  notionalKrw: number
  entryNetEdgeBps: number
  entryFxKrwPerUsdt: number
  nowMs: number
}

/** The ids that come next, and the profit of all closed trades. */
interface Meta {
  nextTrade: number
  nextOrder: number
  realisedKrw: string
}

/**
 * A trade's life. Entry: `openTrade`, `applyFill` for what each order got, `settleEntry` once both orders are done. Exit: `startExit`,
 * `applyFill`, `settleExit`; what was not closed on both legs stays open. Wherever a leg is in excess afterwards: `foldDust`, then an
 * `unwind` order and its `applyFill`, or `leaveDust` where the excess is too small for an order; again until no leg is in excess. Then the
 * trade is `open`, or it is flat and `closeTrade` ends it. A hedge too small to be closed by orders: `dissolveHedge`, then as excess.
 *
 * A killed engine finds a trade `opening` or `closing` with the fills that it had stored: `settleEntry` or `settleExit` is the next step.
 *
 * What a trade earned follows from its fills alone. A fill's cash is +notional for a sell and -notional for a buy, in its quote currency.
 * Entry cash is that of the entry orders and of the unwinds before the trade was first hedged (its `entry` event) or given up (its
 * `entry-failed` event); exit value is that of all later fills, each valued at its own KRW per USDT. The entry's rate is that of the
 * trade's first fill, and its `entry` event states it; the exit's rate is that of the last fill, given to `closeTrade`.
 *
 *     edgeKrw  = entryKrw + entryUsdt x entry rate + exit value
 *     feesKrw  = sum of fees, each at its own fill's rate; one taken in base at the fill's average price, rounded half-even to 8 digits
 *     fxKrw    = entryUsdt x (exit rate - entry rate), or 0 for an entry that failed
 *     totalKrw = edgeKrw - feesKrw + fxKrw
 *
 * Base paid as a fee leaves the inventory and is no excess. Dust is worth nothing here until it is swept: what it cost or brought is in the
 * trade that left it, what sweeping it brings or costs in the trade that swept it. For each symbol and leg, base bought minus base sold
 * over all fills = what open trades hold (hedge and excess) + dust.
 */
export class PortfolioState {
  readonly #ledger: Ledger
  readonly #trades = new Map<string, OpenTrade>()
  readonly #idsBySymbol = new Map<string, string[]>()
  readonly #dust = new Map<string, Decimal>()
  readonly #changes = new ChangeTracker()
  #nextTrade = 1
  #nextOrder = 1
  #realisedKrw = Decimal.zero

  private constructor(balances: readonly Balance[]) {
    this.#ledger = new Ledger(balances)
  }

  static fresh(opening: readonly Balance[]): PortfolioState {
    const state = new PortfolioState(opening)
    state.#changes.mark('meta')
    for (const { venue, asset } of opening) state.#changes.mark(`balance:${venue}:${asset}`)
    return state
  }

  /** Null where nothing is stored yet; throws STORE_CORRUPT where what is stored cannot be read. Other parts' keys are passed over. */
  static restore(stored: ReadonlyMap<string, string>): PortfolioState | null {
    const meta = stored.get('meta')
    if (meta === undefined) return null
    return readStored('positions and balances', () => PortfolioState.#restore(JSON.parse(meta) as Meta, stored))
  }

  static #restore(meta: Meta, stored: ReadonlyMap<string, string>): PortfolioState {
    const balances: Balance[] = []
    const trades: Trade[] = []
    const dust: [string, Decimal][] = []
    for (const [key, text] of stored) {
      const [kind, venue, asset] = key.split(':')
      if (kind === 'balance') balances.push({ venue: venue as Venue, asset: asset ?? '', amount: JSON.parse(text) as string })
      if (kind === 'trade') trades.push(JSON.parse(text) as Trade)
      if (kind === 'dust') dust.push([key, Decimal.parse(JSON.parse(text) as string)])
    }
    const state = new PortfolioState(balances)
    // A store keeps no order, and an engine that was never killed goes through its trades in the order in which they were opened.
    trades.sort((left, right) => numberOf(left.tradeId) - numberOf(right.tradeId))
    for (const trade of trades) state.#hold(trade)
    for (const [key, amount] of dust) state.#dust.set(key, amount)
    assert(Number.isSafeInteger(meta.nextTrade) && Number.isSafeInteger(meta.nextOrder), `ids are no numbers: ${JSON.stringify(meta)}`)
    state.#nextTrade = meta.nextTrade
    state.#nextOrder = meta.nextOrder
    state.#realisedKrw = Decimal.parse(meta.realisedKrw)
    return state
  }

  get ledger(): Pick<Ledger, 'balance' | 'balances'> {
    return this.#ledger
  }

  /** Profit of all closed trades. */
  get realisedKrw(): Decimal {
    return this.#realisedKrw
  }

  /** The id that the next `openTrade` gives, so that the guard can reserve under it. */
  get nextTradeId(): string {
    return `T${this.#nextTrade}`
  }

  get tradeCount(): number {
    return this.#trades.size
  }

  /** Oldest first. */
  trades(): readonly Trade[] {
    return [...this.#trades.values()].map((trade) => trade.facts())
  }

  trade(tradeId: string): Trade {
    return this.#trade(tradeId).facts()
  }

  /** Oldest first. */
  tradesOf(symbol: string): readonly Trade[] {
    return this.#idsBySymbol.get(symbol)?.map((tradeId) => this.trade(tradeId)) ?? []
  }

  /** Base bought minus base sold that was too small for an order, so far. */
  dust(symbol: string, leg: Leg): Decimal {
    return this.#dust.get(dustKey(symbol, leg)) ?? Decimal.zero
  }

  openTrade(request: OpenTradeRequest): Trade {
    const { symbol, direction, entryNetEdgeBps, entryFxKrwPerUsdt } = request
    const trade: Trade = {
      tradeId: this.nextTradeId,
      symbol,
      direction,
      phase: 'opening',
      openedAtMs: request.nowMs,
      quantity: '0',
      excess: { a: '0', b: '0' },
      notionalKrw: Decimal.fromNumber(request.notionalKrw).toString(),
      entryNetEdgeBps,
      entryFxKrwPerUsdt,
      cash: { entryKrw: '0', entryUsdt: '0', exitValueKrw: '0', feesKrw: '0' },
    }
    this.#nextTrade++
    this.#changes.mark('meta')
    this.#hold(trade)
    this.#changes.mark(`trade:${trade.tradeId}`)
    return trade
  }

  nextOrderId(): string {
    this.#changes.mark('meta')
    return `O${this.#nextOrder++}`
  }

  /** Posts the fill to the ledger and to its trade. `fxKrwPerUsdt` is the rate that the `order-filled` event states. */
  applyFill(order: OrderRequest, fill: Fill, fxKrwPerUsdt: number): void {
    const { venue, base, quote } = order.instrument
    const { quantity, notional, feeAsset, fee } = fill
    const trade = this.#change(order.tradeId)
    trade.applyFill(order, fill, fxKrwPerUsdt)
    if (order.purpose === 'unwind') trade.settleUnwind()
    this.#ledger.postFill({ venue, side: order.side, base, quote, quantity, notional, feeAsset, fee })
    for (const asset of [base, quote]) this.#changes.mark(`balance:${venue}:${asset}`)
  }

  settleEntry(tradeId: string): Trade {
    const trade = this.#change(tradeId)
    trade.settleEntry()
    return trade.facts()
  }

  startExit(tradeId: string): Trade {
    const trade = this.#change(tradeId)
    trade.startExit()
    return trade.facts()
  }

  settleExit(tradeId: string): Trade {
    const trade = this.#change(tradeId)
    trade.settleExit()
    return trade.facts()
  }

  /** Adds the leg's dust of earlier trades to this trade's excess; returns the excess: positive is to be sold, negative to be bought. */
  foldDust(tradeId: string, leg: Leg): Decimal {
    const trade = this.#change(tradeId)
    assert(!trade.excess(leg).isZero(), `${tradeId} has no excess on leg ${leg} to fold dust into`)
    trade.addExcess(leg, this.dust(trade.symbol, leg))
    this.#setDust(trade.symbol, leg, Decimal.zero)
    trade.settleUnwind()
    return trade.excess(leg)
  }

  /** Makes the leg's excess dust, where it is too small for an order. */
  leaveDust(tradeId: string, leg: Leg): void {
    const trade = this.#change(tradeId)
    const excess = trade.excess(leg)
    this.#setDust(trade.symbol, leg, this.dust(trade.symbol, leg).add(excess))
    trade.addExcess(leg, excess.negate())
    trade.settleUnwind()
  }

  /** For a hedge too small to be closed by orders: makes it excess on both legs. */
  dissolveHedge(tradeId: string): Trade {
    const trade = this.#change(tradeId)
    trade.dissolveHedge()
    return trade.facts()
  }

  /** Ends a trade that holds nothing any more. `fxKrwPerUsdt` is the last fill's rate, and what the `exit` event states. */
  closeTrade(tradeId: string, fxKrwPerUsdt: number): Realised {
    const trade = this.#change(tradeId)
    assert(trade.isFlat, `${tradeId} cannot be closed: it holds ${JSON.stringify(trade.facts())}`)
    const realised = trade.realised(fxKrwPerUsdt)
    this.#realisedKrw = this.#realisedKrw.add(Decimal.parse(realised.totalKrw))
    this.#changes.mark('meta')
    this.#trades.delete(tradeId)
    const left = (this.#idsBySymbol.get(trade.symbol) ?? []).filter((id) => id !== tradeId)
    if (left.length > 0) this.#idsBySymbol.set(trade.symbol, left)
    else this.#idsBySymbol.delete(trade.symbol)
    return realised
  }

  /** All that has to be stored since the last take. The taker keeps it until it is stored. */
  takeChanges(): StateChanges {
    return this.#changes.take((key) => this.#valueOf(key))
  }

  #valueOf(key: string): unknown {
    const [kind, name = '', rest = ''] = key.split(':')
    switch (kind) {
      case 'meta':
        return { nextTrade: this.#nextTrade, nextOrder: this.#nextOrder, realisedKrw: this.#realisedKrw.toString() } satisfies Meta
      case 'trade':
        return this.#trades.get(name)?.facts() ?? null
      case 'balance':
        return this.#ledger.balance(name as Venue, rest).toString()
      default:
        return this.#dust.get(key)?.toString() ?? null
    }
  }

  #trade(tradeId: string): OpenTrade {
    const trade = this.#trades.get(tradeId)
    assert(trade, `no open trade ${tradeId}`)
    return trade
  }

  #change(tradeId: string): OpenTrade {
    this.#changes.mark(`trade:${tradeId}`)
    return this.#trade(tradeId)
  }

  #hold(trade: Trade): void {
    this.#trades.set(trade.tradeId, new OpenTrade(trade))
    this.#idsBySymbol.set(trade.symbol, [...(this.#idsBySymbol.get(trade.symbol) ?? []), trade.tradeId])
  }

  #setDust(symbol: string, leg: Leg, amount: Decimal): void {
    const key = dustKey(symbol, leg)
    if (amount.isZero()) this.#dust.delete(key)
    else this.#dust.set(key, amount)
    this.#changes.mark(key)
  }
}

function dustKey(symbol: string, leg: Leg): string {
  return `dust:${symbol}:${leg}`
}

/** `T12` is 12. */
function numberOf(tradeId: string): number {
  return Number(tradeId.slice(1))
}
