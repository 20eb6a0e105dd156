/** Makes and keeps one Executor a symbol. The live runner asks it; the composition root makes it. */

import { assert } from '../base/assert.ts'
import type { Route } from '../model/route.ts'
import { Executor, type ExecutorOptions } from './executor.ts'

export class ExecutorFactory {
  readonly #executors: ReadonlyMap<string, Executor>

  constructor(routes: readonly Route[], shared: Omit<ExecutorOptions, 'route'>) {
    this.#executors = new Map(routes.map((route) => [route.symbol, new Executor({ ...shared, route })]))
  }

  /** Whether there are orders, of any symbol, of which nobody has said what became of them. */
  get hasOrdersInDoubt(): boolean {
    return [...this.#executors.values()].some((executor) => executor.hasOrdersInDoubt)
  }

  executorOf(symbol: string): Executor {
    const executor = this.#executors.get(symbol)
    assert(executor, `no executor for ${symbol}`)
    return executor
  }
}
