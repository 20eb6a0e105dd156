/** Checks that what the log says our orders did is what the venues say: orders taken, and every unit of every account. */

import { Decimal } from '../../base/decimal.ts'
import type { OrderDone, OrderFilled, OrderSent, TradingEvent, VenueStated } from '../../model/event.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings, Listing } from '../checker.ts'

/** An order since the last statement, and what the log says that it changed, by account. */
interface TracedOrder {
  orderId: string
  status: OrderDone['status'] | 'under way'
  changes: Map<string, Decimal>
}

/** Remembered to name candidates, the oldest forgotten first; and named at most. */
const maxTraced = 20_000
const maxCandidates = 5

const takenStatuses: ReadonlySet<string> = new Set<OrderDone['status']>(['filled', 'partial', 'unfilled'])

/**
 * The venues' word comes from another source than ours, so this sees what no sum over our own log can: an order that was sent twice, one
 * that went through and was taken for failed, a fill that never reached us. What was stated last is where the next comparison starts, so
 * that one fault is reported once.
 */
export class VenueAgrees implements Checker {
  readonly name = 'venue-agrees'
  readonly #findings = new Findings(this.name, 'statements of the venues')
  readonly #listing = new Listing()
  readonly #changes = new Map<string, Decimal>()
  readonly #traced = new Map<string, TracedOrder>()
  #taken = 0

  observe(event: TradingEvent): void {
    switch (event.event) {
      case 'session-opened':
        this.#listing.open(event.instruments)
        this.#adopt({ orders: 0, changes: [] })
        return
      case 'order-sent':
        return this.#sent(event)
      case 'order-filled':
        return this.#filled(event)
      case 'order-done': {
        if (takenStatuses.has(event.status)) this.#taken++
        const order = this.#traced.get(event.orderId)
        if (order) order.status = event.status
        return
      }
      case 'venue-stated':
        this.#compare(event)
        return this.#adopt(event)
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #sent({ orderId, venue, instrument }: OrderSent): void {
    const { base, quote } = this.#listing.get(venue, instrument)
    const changes = new Map([base, quote].map((asset) => [`${venue} ${asset}`, Decimal.zero]))
    this.#traced.set(orderId, { orderId, status: 'under way', changes })
    if (this.#traced.size <= maxTraced) return
    for (const oldest of this.#traced.keys()) {
      this.#traced.delete(oldest)
      break
    }
  }

  #filled(event: OrderFilled): void {
    const { base, quote } = this.#listing.get(event.venue, event.instrument)
    const isBuy = event.side === 'buy'
    const quantity = Decimal.parse(event.quantity)
    const notional = Decimal.parse(event.notional)
    const own = this.#traced.get(event.orderId)?.changes ?? new Map<string, Decimal>()
    const moves: [asset: string, amount: Decimal][] = [
      [base, isBuy ? quantity : quantity.negate()],
      [quote, isBuy ? notional.negate() : notional],
      [event.feeAsset, Decimal.parse(event.fee).negate()],
    ]
    for (const [asset, amount] of moves) {
      add(own, `${event.venue} ${asset}`, amount)
      add(this.#changes, `${event.venue} ${asset}`, amount)
    }
  }

  #compare(event: VenueStated): void {
    this.#findings.examine('statements of the venues')
    if (event.orders !== this.#taken) {
      const candidates = this.#candidates(({ status }) => status !== 'filled')
      this.#findings.violate(event, `the venues took ${event.orders} orders, the log has ${this.#taken}; ${candidates}`)
    }
    const stated = new Map(event.changes.map(({ venue, asset, amount }) => [`${venue} ${asset}`, Decimal.parse(amount)]))
    for (const account of new Set([...stated.keys(), ...this.#changes.keys()])) {
      const said = stated.get(account) ?? Decimal.zero
      const derived = this.#changes.get(account) ?? Decimal.zero
      if (said.equals(derived)) continue
      const amounts = `the venue says ${said.toString()}, the fills make ${derived.toString()}`
      const difference = said.subtract(derived).abs()
      // What is said to have got less than was asked for, or what moved just this, once too often or once too little.
      const candidates = this.#candidates(({ status, changes }) => {
        const change = changes.get(account)
        return change !== undefined && (status !== 'filled' || change.abs().equals(difference))
      })
      this.#findings.violate(event, `${account}: ${amounts}; ${candidates}`)
    }
  }

  #candidates(isOne: (order: TracedOrder) => boolean): string {
    const found = [...this.#traced.values()].filter(isOne)
    if (found.length === 0) return 'no single order since the last statement explains it'
    const named = found.slice(0, maxCandidates).map(({ orderId, status }) => `${orderId} (${status})`)
    if (found.length > maxCandidates) named.push(`${found.length - maxCandidates} more`)
    return `candidates: ${named.join(', ')}`
  }

  #adopt({ orders, changes }: Pick<VenueStated, 'orders' | 'changes'>): void {
    this.#taken = orders
    this.#changes.clear()
    for (const { venue, asset, amount } of changes) this.#changes.set(`${venue} ${asset}`, Decimal.parse(amount))
    this.#traced.clear()
  }
}

function add(sums: Map<string, Decimal>, key: string, amount: Decimal): void {
  sums.set(key, (sums.get(key) ?? Decimal.zero).add(amount))
}
