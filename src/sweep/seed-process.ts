/** A process that runs seed after seed for a SeedPool, over its IPC channel, and ends when the pool is gone. Forked as `longhaul seeds`. */

import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { forkEngine } from '../campaign/supervisor.ts'
import { EngineKeeper } from './engine-keeper.ts'
import { runSeed, type SeedJob } from './seed-run.ts'

export function seedsCommand(): Promise<ExitCode> {
  const engines = new EngineKeeper()
  const stop = new AbortController()
  let running = Promise.resolve()
  return new Promise((resolve) => {
    process.on('message', (job: SeedJob) => {
      running = runSeed(job, job.engine === 'kept' ? engines.start : forkEngine, stop.signal).then((result) => {
        // A pool that goes away while this is sent makes the send fail; its disconnect event says the same.
        if (process.connected) process.send?.(result, undefined, {}, () => undefined)
      })
    })
    process.on('disconnect', () => {
      stop.abort()
      void running.then(() => {
        engines.close()
        resolve(exitCodes.ok)
      })
    })
  })
}
