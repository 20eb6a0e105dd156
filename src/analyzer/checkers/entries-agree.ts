/** Checks that what an entry says of itself, its size in KRW and the edge that it was made for, is what its orders and fills make. */

import type { Entry, OrderFilled, OrderSent, SessionOpened, TradingEvent } from '../../model/event.ts'
import type { Direction, Leg } from '../../model/route.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

/** Plain numbers: what is compared are an estimate and a promise, and the slack for both is wide. */
interface EntryLeg {
  askedQuantity: number
  filledQuantity: number
  /** Of the entry's fills, in KRW at each fill's own rate. */
  notionalKrw: number
  feesKrw: number
}

const legs: readonly Leg[] = ['a', 'b']

/** The size is told at leg A's middle price, some milliseconds before the fills: a market does not move so far, a currency does. */
const maxSizeShare = 0.05
/** An order's limit lies a few basis points beyond the worst price that the edge was reckoned with: what is filled keeps most of it. */
const maxLostEdgeBps = 100

export class EntriesAgree implements Checker {
  readonly name = 'entries-agree'
  readonly #findings = new Findings(this.name, 'entries')
  readonly #listing = new Listing()
  /** Trades that are being opened; those of an earlier log have no orders here, and are passed over. */
  readonly #entering = new Map<string, Record<Leg, EntryLeg>>()

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        return this.#opened(event)
      case 'order-sent':
        return this.#sent(event)
      case 'order-filled':
        return this.#filled(event)
      case 'entry':
        return this.#entered(event)
      case 'entry-failed':
        this.#entering.delete(event.tradeId)
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #opened(event: SessionOpened): void {
    this.#listing.open(event.instruments)
    const open = new Set(event.openTrades.map(({ tradeId }) => tradeId))
    for (const tradeId of this.#entering.keys()) if (!open.has(tradeId)) this.#entering.delete(tradeId)
  }

  #sent({ tradeId, purpose, leg, quantity }: OrderSent): void {
    if (purpose !== 'entry') return
    const entering = this.#entering.get(tradeId) ?? { a: nothingFilled(), b: nothingFilled() }
    this.#entering.set(tradeId, entering)
    entering[leg].askedQuantity += Number(quantity)
  }

  #filled(event: OrderFilled): void {
    const filled = this.#entering.get(event.tradeId)?.[event.leg]
    if (event.purpose !== 'entry' || filled === undefined) return
    const { base, quote } = this.#listing.get(event.venue, event.instrument)
    const rate = quote === 'KRW' ? 1 : event.fxKrwPerUsdt
    const [quantity, notional, fee] = [Number(event.quantity), Number(event.notional), Number(event.fee)]
    filled.filledQuantity += quantity
    filled.notionalKrw += notional * rate
    filled.feesKrw += (event.feeAsset === base ? (fee * notional) / quantity : fee) * rate
  }

  #entered(event: Entry): void {
    const entering = this.#entering.get(event.tradeId)
    this.#entering.delete(event.tradeId)
    if (entering === undefined || legs.some((leg) => entering[leg].filledQuantity === 0)) return
    this.#findings.examine('entries')
    this.#compareSize(event, entering.a)
    this.#compareEdge(event, entering)
  }

  #compareSize(event: Entry, { askedQuantity, filledQuantity, notionalKrw }: EntryLeg): void {
    const madeKrw = (askedQuantity * notionalKrw) / filledQuantity
    if (Math.abs(Number(event.notionalKrw) - madeKrw) <= maxSizeShare * madeKrw) return
    const made = `its orders for ${askedQuantity} at the price filled make ${Math.round(madeKrw)}`
    this.#findings.violate(event, `${event.tradeId} on ${event.symbol}: notional ${event.notionalKrw} KRW, ${made}`)
  }

  #compareEdge(event: Entry, entering: Readonly<Record<Leg, EntryLeg>>): void {
    const madeBps = netEdgeBps(event.direction, entering)
    if (event.netEdgeBps - madeBps <= maxLostEdgeBps) return
    this.#findings.violate(
      event,
      `${event.tradeId} on ${event.symbol}: net edge ${event.netEdgeBps} bps, its fills make ${madeBps.toFixed(2)}`,
    )
  }
}

/** Of one unit of base sold on one leg and bought on the other, so that unequal fills can be judged as well. */
function netEdgeBps(direction: Direction, entering: Readonly<Record<Leg, EntryLeg>>): number {
  const sold = entering[direction === 'sell-a' ? 'a' : 'b']
  const bought = entering[direction === 'sell-a' ? 'b' : 'a']
  const received = (sold.notionalKrw - sold.feesKrw) / sold.filledQuantity
  const paid = (bought.notionalKrw + bought.feesKrw) / bought.filledQuantity
  return (received / paid - 1) * 10_000
}

function nothingFilled(): EntryLeg {
  return { askedQuantity: 0, filledQuantity: 0, notionalKrw: 0, feesKrw: 0 }
}
