/**
 * The simulated Clock: a scheduler on event time that runs the engine as fast as it can, or at a set pace, and always in the same order.
 *
 * One instant at a time: all calls due at it run in the order in which they were made, then everything that they set off runs until
 * nothing is left but waiting, then real input and output that was asked for is awaited and handed over in the order of asking, and only
 * then does time go on to the next instant.
 */

import { assert } from '../base/assert.ts'
import type { Clock, ScheduledCall } from './clock.ts'
import { SystemClock, threadCpuMs } from './system-clock.ts'

interface Call {
  atMs: number
  /** Breaks ties: calls due at one instant run in the order in which they were made. */
  order: number
  /** It settles no promise. */
  isQuiet: boolean
  /** Null once cancelled. */
  callback: (() => void) | null
}

interface Hold {
  isSettled: boolean
  settled: Promise<void>
  deliver: () => void
}

export interface VirtualClockOptions {
  startMs: number
  /** How many times faster than real time; null for as fast as possible. */
  pace: number | null
}

export class VirtualClock implements Clock {
  readonly #startMs: number
  readonly #pace: number | null
  readonly #realClock = new SystemClock()
  readonly #calls: Call[] = []
  readonly #holds: Hold[] = []
  #nowMs: number
  #stillUntilMs = -Infinity
  #nextOrder = 0

  constructor(options: VirtualClockOptions) {
    assert(Number.isInteger(options.startMs), `startMs must be whole milliseconds, was ${options.startMs}`)
    assert(options.pace === null || options.pace > 0, `pace must be positive, was ${options.pace}`)
    this.#startMs = options.startMs
    this.#nowMs = options.startMs
    this.#pace = options.pace
  }

  nowMs(): number {
    return this.#nowMs
  }

  preciseMs(): number {
    return this.#nowMs
  }

  cpuMs(): number {
    return threadCpuMs()
  }

  sleepUntil(atMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.schedule(atMs, resolve)
    })
  }

  schedule(atMs: number, callback: () => void): ScheduledCall {
    return this.#schedule(atMs, callback, false)
  }

  scheduleQuietly(atMs: number, callback: () => void): ScheduledCall {
    return this.#schedule(atMs, callback, true)
  }

  #schedule(atMs: number, callback: () => void, isQuiet: boolean): ScheduledCall {
    const call: Call = { atMs: Math.max(Math.ceil(atMs), this.#nowMs), order: this.#nextOrder++, isQuiet, callback }
    this.#push(call)
    return {
      cancel: () => {
        call.callback = null
      },
    }
  }

  hold<T>(io: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const hold: Hold = { isSettled: false, settled: Promise.resolve(), deliver: () => undefined }
      hold.settled = io().then(
        (value) => {
          hold.isSettled = true
          hold.deliver = () => resolve(value)
        },
        (error: unknown) => {
          hold.isSettled = true
          hold.deliver = () => reject(error)
        },
      )
      this.#holds.push(hold)
    })
  }

  /** As a process that is stopped: nothing runs before `atMs`, and what falls due until then runs late, all of it at that instant. */
  standStillUntil(atMs: number): void {
    this.#stillUntilMs = Math.max(this.#stillUntilMs, Math.ceil(atMs))
  }

  /** Runs event time until `main` settles, and settles as it does. */
  async run<T>(main: Promise<T>): Promise<T> {
    let isDone = false
    const done = (): void => {
      isDone = true
    }
    main.then(done, done)
    const realStartMs = this.#realClock.nowMs()
    for (;;) {
      await quiescence()
      if (isDone) return main
      const hold = this.#holds.shift()
      if (hold) {
        await settledSoon(hold)
        hold.deliver()
        continue
      }
      // An instant at which nothing was set off needs no turn of the event loop before the next one.
      while (!(await this.#settledAnything(realStartMs))) continue
    }
  }

  /** Goes on to the next instant and runs its calls. True where one of them may have settled a promise. */
  async #settledAnything(realStartMs: number): Promise<boolean> {
    const next = this.#calls[0]
    assert(next, 'virtual time stands still for ever: something waits for an event that nothing will cause')
    const nextMs = Math.max(next.atMs, this.#stillUntilMs)
    let hasSlept = false
    if (this.#pace !== null) {
      const dueMs = realStartMs + (nextMs - this.#startMs) / this.#pace
      // Real timers count whole milliseconds: waiting only when a whole one is left keeps the pace without drift.
      hasSlept = dueMs - this.#realClock.nowMs() >= 1
      if (hasSlept) await this.#realClock.sleepUntil(dueMs)
    }
    this.#nowMs = nextMs
    // What happens in real time, such as a signal, may have settled something while this slept.
    return !this.#runCallsDue() || hasSlept
  }

  /** True where all of them were quiet. */
  #runCallsDue(): boolean {
    let areQuiet = true
    for (let call = this.#calls[0]; call !== undefined && call.atMs <= this.#nowMs; call = this.#calls[0]) {
      this.#pop()
      if (call.callback === null) continue
      areQuiet &&= call.isQuiet
      call.callback()
    }
    return areQuiet
  }

  #push(call: Call): void {
    const heap = this.#calls
    let index = heap.length
    heap.push(call)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as Call
      if (isBefore(parent, call)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = call
  }

  #pop(): void {
    const heap = this.#calls
    const last = heap.pop()
    if (last === undefined || heap.length === 0) return
    let index = 0
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= heap.length) break
      const right = heap[childIndex + 1]
      if (right !== undefined && isBefore(right, heap[childIndex] as Call)) childIndex++
      const child = heap[childIndex] as Call
      if (isBefore(last, child)) break
      heap[index] = child
      index = childIndex
    }
    heap[index] = last
  }
}

function isBefore(left: Call, right: Call): boolean {
  return left.atMs < right.atMs || (left.atMs === right.atMs && left.order < right.order)
}

/** Turns of the event loop that a wait may take before the thread is put to sleep. */
const spinTurns = 200

/**
 * Waits for real input or output, at first without sleeping: a local store answers sooner than a sleeping thread wakes up. The bound keeps
 * a long wait (a judgement, a server that is away) from burning the processor.
 */
async function settledSoon(hold: Hold): Promise<void> {
  for (let turn = 0; turn < spinTurns && !hold.isSettled; turn++) await quiescence()
  if (!hold.isSettled) await hold.settled
}

/** Resolves when every promise that can settle by itself has done so: immediates run after all microtasks. */
function quiescence(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve)
  })
}
