/** Checks that no order or trade id comes twice, over all attempts, and that trading lines are numbered from 1 without a gap. */

import type { TradingEvent } from '../../model/event.ts'
import type { CheckResult } from '../analysis.ts'
import { type Checker, Findings } from '../checker.ts'
import { IdSet } from '../id-set.ts'

export class IdsUnique implements Checker {
  readonly name = 'ids-unique'
  readonly #findings = new Findings(this.name, 'lines', 'orders', 'trades')
  readonly #sent = new IdSet()
  readonly #filled = new IdSet()
  readonly #done = new IdSet()
  readonly #entered = new IdSet()
  readonly #ended = new IdSet()
  #seq = 0

  observe(event: TradingEvent): void {
    this.#findings.examine('lines')
    if (event.seq !== this.#seq + 1) this.#findings.violate(event, `follows seq ${this.#seq}`)
    this.#seq = event.seq
    switch (event.event) {
      case 'order-sent':
        this.#findings.examine('orders')
        this.#once(event, this.#sent, event.orderId, 'sent')
        return
      case 'order-filled':
        this.#known(event, event.orderId)
        this.#once(event, this.#filled, event.orderId, 'filled')
        return
      case 'order-done':
        this.#known(event, event.orderId)
        this.#once(event, this.#done, event.orderId, 'done')
        return
      case 'entry':
        this.#findings.examine('trades')
        this.#once(event, this.#entered, event.tradeId, 'entered')
        return
      case 'entry-failed':
        this.#findings.examine('trades')
        this.#once(event, this.#entered, event.tradeId, 'entered')
        this.#once(event, this.#ended, event.tradeId, 'ended')
        return
      case 'exit':
        this.#once(event, this.#ended, event.tradeId, 'ended')
        return
      default:
    }
  }

  finish(): CheckResult {
    return this.#findings.result()
  }

  #known(event: TradingEvent, orderId: string): void {
    if (!this.#sent.has(orderId)) this.#findings.violate(event, `${event.event} of ${orderId}, which was never sent`)
  }

  #once(event: TradingEvent, ids: IdSet, id: string, what: string): void {
    if (!ids.add(id)) this.#findings.violate(event, `${id} is ${what} twice`)
  }
}
