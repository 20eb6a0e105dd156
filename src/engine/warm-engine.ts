/**
 * A process that runs one engine after another, so that a sweep pays once for its start and for warm code. Called by compose.ts in the
 * forked process; a sweep keeps one a processor (src/sweep/engine-keeper.ts).
 */

import { closeSync, openSync } from 'node:fs'
import { assert } from '../base/assert.ts'
import type { StopReason } from '../model/event.ts'
import { isInOrder } from './engine-process.ts'

/** From the supervisor, to an engine process that runs nothing. */
export interface RunMessage {
  type: 'run'
  planFile: string
  /** The run's application.log: what is printed raw from now on belongs there. */
  outputFile: string
}

const standardOutputs = [1, 2]

/** Runs what it is told to until a run ends out of order, or the supervisor goes away. */
export async function serveRuns(run: (planFile: string) => Promise<StopReason>): Promise<StopReason> {
  for (;;) {
    const message = await nextRun()
    if (message === null) return 'completed'
    printInto(message.outputFile)
    const reason = await run(message.planFile)
    if (!isInOrder(reason) || !process.connected) return reason
  }
}

/** Null where the supervisor goes away first. What else arrives are late judgements of the run before. */
function nextRun(): Promise<RunMessage | null> {
  return new Promise((resolve) => {
    const settle = (message: RunMessage | null): void => {
      process.off('message', onMessage)
      process.off('disconnect', onDisconnect)
      resolve(message)
    }
    const onMessage = (message: { type: string }): void => {
      if (message.type === 'run') settle(message as RunMessage)
    }
    const onDisconnect = (): void => settle(null)
    process.on('message', onMessage)
    process.on('disconnect', onDisconnect)
  })
}

/**
 * open(2) gives the lowest number that is free, which is the one just closed: so the prints of Node and V8 themselves go to the new file
 * too, and stand in order with what the journal appends to it.
 */
function printInto(file: string): void {
  for (const descriptor of standardOutputs) {
    closeSync(descriptor)
    const opened = openSync(file, 'a')
    assert(opened === descriptor, `standard output ${descriptor} was opened as ${opened}`)
  }
}
