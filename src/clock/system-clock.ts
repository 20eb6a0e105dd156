/** The real Clock: the machine's time, made monotonic, and real timers. */

import { performance } from 'node:perf_hooks'
import type { Clock, ScheduledCall } from './clock.ts'

/** Node fires a longer delay at once (nodejs/node, timers: delays are 32-bit), so longer waits are made of several. */
const maxTimerDelayMs = 2 ** 31 - 1

/** Processor time of this thread in milliseconds. */
export function threadCpuMs(): number {
  const usage = process.threadCpuUsage()
  return (usage.user + usage.system) / 1000
}

export class SystemClock implements Clock {
  nowMs(): number {
    return Math.floor(performance.timeOrigin + performance.now())
  }

  preciseMs(): number {
    return performance.timeOrigin + performance.now()
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
    let timer: NodeJS.Timeout
    // A timer may fire up to a millisecond early by this clock, and one for a longer delay than it can hold at its longest.
    const fire = (): void => {
      if (this.nowMs() < atMs) arm()
      else callback()
    }
    const arm = (): void => {
      timer = setTimeout(fire, Math.min(Math.max(0, atMs - this.nowMs()), maxTimerDelayMs))
    }
    arm()
    return { cancel: () => clearTimeout(timer) }
  }

  scheduleQuietly(atMs: number, callback: () => void): ScheduledCall {
    return this.schedule(atMs, callback)
  }

  hold<T>(io: () => Promise<T>): Promise<T> {
    return io()
  }
}
