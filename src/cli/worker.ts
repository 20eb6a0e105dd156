/** `longhaul worker`: runs seeds of queued sweeps on this machine until it is told to stop. Any number of them, on any machine. */

import { availableParallelism } from 'node:os'
import { exitCodes, type ExitCode } from '../base/exit-code.ts'
import { codeVersion } from '../sweep/code-version.ts'
import { queueAddress, queuePasswordVariable } from '../sweep/seed-queue.ts'
import { runSeedWorker } from '../sweep/seed-worker.ts'
import { badFlags, countOf, parseFlags } from './flags.ts'

const usage = `usage: longhaul worker --redis redis://HOST:PORT [--concurrency N]

  --redis URL            the Redis that longhaul sweep --redis gives its seeds to; ${queuePasswordVariable} holds its password
  --concurrency N        runs at one time; default: the processors of this machine

It runs sweeps of its own code only. Exit codes: 0 told to stop, 3 bad command line, 4 no Redis, or a sweep of other sources waits
`

export interface WorkerCommand {
  redis: string
  concurrency: number
}

/** Null where help was asked for. Throws CONFIG_INVALID. */
export function workerCommand(args: readonly string[]): WorkerCommand | null {
  const flags = parseFlags('worker', args, { redis: { type: 'string' }, concurrency: { type: 'string' } })
  if (flags === null) return null
  const { redis, concurrency = String(availableParallelism()) } = flags.values
  if (redis === undefined) throw badFlags('worker', '--redis expects the address of a Redis, was left out')
  return { redis, concurrency: countOf('worker', 'concurrency', concurrency) }
}

export async function worker(args: readonly string[]): Promise<ExitCode> {
  const command = workerCommand(args)
  if (command === null) {
    process.stdout.write(usage)
    return exitCodes.ok
  }
  const stop = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => stop.abort())
  await runSeedWorker({
    address: queueAddress(command.redis, process.env),
    concurrency: command.concurrency,
    version: codeVersion(undefined),
    withheld: [queuePasswordVariable],
    signal: stop.signal,
    say: (line) => void process.stdout.write(`${line}\n`),
  })
  return exitCodes.ok
}
