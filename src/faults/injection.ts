/** A fault plan at work: what every injector is given. The composition root and the loopback servers open it. */

import type { Clock } from '../clock/clock.ts'
import { LogFile } from '../engine/log-file.ts'
import type { FaultPlan } from '../model/fault.ts'
import { FaultBoard } from './fault-board.ts'
import { FaultLog } from './fault-log.ts'

export interface Injection {
  board: FaultBoard
  log: FaultLog
}

/** `file`: where it is written down what of the plan really happened. Null where there is nothing to inject. */
export function openInjection(plan: FaultPlan | null, file: string, clock: Clock): Injection | null {
  if (plan === null) return null
  const log = new FaultLog(new LogFile(file), clock)
  return { log, board: new FaultBoard({ plan, onStrike: (...strike) => log.struck(...strike) }) }
}
