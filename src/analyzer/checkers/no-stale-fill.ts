/** Checks that every fill could have happened: on a fresh, uncrossed book, within what it displayed and what the order allowed. */

import { assert } from '../../base/assert.ts'
import { Decimal, sumDecimals } from '../../base/decimal.ts'
import { tickSizeAt } from '../../model/instrument.ts'
import type { GlobalLimitFacts, OrderFilled, OrderSent, TradingEvent } from '../../model/event.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

/** What was taken from one book of an instrument, by price. */
interface TakenFromBook {
  changedAtMs: number
  takenByPrice: Map<string, { displayedSize: string; taken: Decimal }>
}

export class NoStaleFill implements Checker {
  readonly name = 'no-stale-fill'
  readonly #findings = new Findings(this.name, 'fills')
  readonly #listing = new Listing()
  /** Orders under way. */
  readonly #orders = new Map<string, OrderSent>()
  readonly #taken = new Map<string, TakenFromBook>()
  #limits: GlobalLimitFacts | null = null

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        this.#listing.open(event.instruments)
        this.#limits = event.limits.global
        this.#orders.clear()
        return
      case 'order-sent':
        this.#orders.set(event.orderId, event)
        return
      case 'order-done':
        this.#orders.delete(event.orderId)
        return
      case 'order-filled': {
        this.#findings.examine('fills')
        const violate = (text: string): void => {
          this.#findings.violate(event, `${event.orderId} on ${event.venue} ${event.instrument}: ${text}`)
        }
        this.#book(event, violate)
        this.#order(event, violate)
        this.#levels(event, violate)
        this.#sums(event, violate)
        return
      }
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #book(event: OrderFilled, violate: (text: string) => void): void {
    const { bestBid, bestAsk, receivedAtMs, changedAtMs } = event.book
    assert(Number.isFinite(receivedAtMs) && Number.isFinite(changedAtMs), `${event.orderId}: a book without its times`)
    if (!Decimal.parse(bestBid).isLessThan(Decimal.parse(bestAsk))) violate(`crossed book, bid ${bestBid} and ask ${bestAsk}`)
    // An order meets the book that stands when it arrives; that it was filled may be known much later, where the answer was lost.
    const ageMs = (this.#orders.get(event.orderId)?.time ?? event.time) - receivedAtMs
    const unchangedMs = receivedAtMs - changedAtMs
    const { maxQuoteAgeMs = 0, maxUnchangedMs = 0 } = this.#limits ?? {}
    if (ageMs > maxQuoteAgeMs) violate(`book ${ageMs} ms older than the order, limit ${maxQuoteAgeMs}`)
    if (unchangedMs > maxUnchangedMs) violate(`book unchanged for ${unchangedMs} ms, limit ${maxUnchangedMs}`)
    if (event.time < receivedAtMs) violate(`book received ${receivedAtMs - event.time} ms after the fill`)
  }

  #order(event: OrderFilled, violate: (text: string) => void): void {
    const order = this.#orders.get(event.orderId)
    if (order === undefined) return violate('no such order is under way')
    if (order.side !== event.side || order.instrument !== event.instrument || order.venue !== event.venue) {
      violate(`the order was to ${order.side} on ${order.venue} ${order.instrument}`)
    }
    if (Decimal.parse(event.quantity).isGreaterThan(Decimal.parse(order.quantity))) {
      violate(`filled ${event.quantity} of an order for ${order.quantity}`)
    }
    const limitPrice = Decimal.parse(order.limitPrice)
    for (const level of event.levels) {
      if (isWorse(event, Decimal.parse(level.price), limitPrice)) violate(`price ${level.price} beyond the limit ${order.limitPrice}`)
    }
  }

  #levels(event: OrderFilled, violate: (text: string) => void): void {
    const instrument = this.#listing.get(event.venue, event.instrument)
    const best = Decimal.parse(event.side === 'buy' ? event.book.bestAsk : event.book.bestBid)
    const book = this.#takenFrom(event)
    for (const { price: priceText, quantity, displayedSize } of event.levels) {
      const price = Decimal.parse(priceText)
      if (!price.isPositive() || !Decimal.parse(quantity).isPositive()) {
        violate(`level ${priceText} x ${quantity}`)
        continue
      }
      if (isWorse(event, best, price)) violate(`price ${priceText} better than the best, ${best.toString()}`)
      if (!isMultiple(price, tickSizeAt(instrument, price))) violate(`price ${priceText} off the tick`)
      const earlier = book.takenByPrice.get(priceText)
      // A level that shows another size was refreshed.
      const before = earlier?.displayedSize === displayedSize ? earlier.taken : Decimal.zero
      const taken = before.add(Decimal.parse(quantity))
      book.takenByPrice.set(priceText, { displayedSize, taken })
      if (taken.isGreaterThan(Decimal.parse(displayedSize))) {
        violate(`${taken.toString()} taken at ${priceText}, displayed ${displayedSize}`)
      }
    }
  }

  #sums(event: OrderFilled, violate: (text: string) => void): void {
    const quantity = Decimal.parse(event.quantity)
    const lotSize = this.#listing.get(event.venue, event.instrument).lotSize
    if (!isMultiple(quantity, lotSize)) violate(`quantity ${event.quantity} off the lot ${lotSize.toString()}`)
    const total = sumDecimals(event.levels.map((level) => Decimal.parse(level.quantity)))
    const notional = sumDecimals(event.levels.map((level) => Decimal.parse(level.quantity).multiply(Decimal.parse(level.price))))
    if (!total.equals(quantity)) violate(`quantity ${event.quantity}, the levels make ${total.toString()}`)
    if (!notional.equals(Decimal.parse(event.notional))) violate(`notional ${event.notional}, the levels make ${notional.toString()}`)
  }

  #takenFrom(event: OrderFilled): TakenFromBook {
    const key = `${event.venue}:${event.instrument}:${event.side}`
    const known = this.#taken.get(key)
    if (known?.changedAtMs === event.book.changedAtMs) return known
    const fresh = { changedAtMs: event.book.changedAtMs, takenByPrice: new Map() }
    this.#taken.set(key, fresh)
    return fresh
  }
}

/** Is `price` worse than `than` for the fill's side? */
function isWorse(event: OrderFilled, price: Decimal, than: Decimal): boolean {
  return event.side === 'buy' ? price.isGreaterThan(than) : price.isLessThan(than)
}

function isMultiple(value: Decimal, step: Decimal): boolean {
  return value.equals(value.roundToMultiple(step, 'down'))
}
