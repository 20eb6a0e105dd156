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
    const arm = (): void => {
      const delayMs = atMs - this.nowMs()
      timer = delayMs > maxTimerDelayMs ? setTimeout(arm, maxTimerDelayMs) : setTimeout(callback, Math.max(0, delayMs))
    }
    arm()
    return { cancel: () => clearTimeout(timer) }
  }

  hold<T>(io: () => Promise<T>): Promise<T> {
    return io()
  }
}
