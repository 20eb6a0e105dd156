/** A private redis-server on a unix socket, without persistence: started for one run, and gone with the process that started it. */

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { messageOf, OperatingError } from '../base/error.ts'

/** unix(7): sun_path holds 108 bytes with its end mark on Linux, 104 on macOS. */
const maxSocketPathBytes = 103
const startDeadlineMs = 5000
const stopDeadlineMs = 2000
const maxOutputChars = 4000

/**
 * The shell becomes redis-server, so that its pid is the server's. Before that it leaves a watcher behind which ends the server when the
 * pipe on descriptor 3 closes without a word: this process was killed, and nobody else will stop the server.
 */
const startScript = '{ read -r word <&3 || kill $$; } & exec 3<&-; exec redis-server "$@"'

export interface RedisServer {
  pid: number
  socketPath: string
  version: string
  /** SIGTERM, a bounded wait, SIGKILL; its files are removed. Safe to call twice. */
  stop(): Promise<void>
}

/** True where there is a redis-server on the PATH. */
export function isRedisInstalled(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, 'redis-server')))
}

/** `folder` is for its files; the socket lies elsewhere where the folder's path is too long for one. Throws ENVIRONMENT_NOT_READY. */
export async function startRedisServer(folder: string): Promise<RedisServer> {
  const wantedPath = join(folder, 'redis.sock')
  const socketFolder = Buffer.byteLength(wantedPath) <= maxSocketPathBytes ? null : mkdtempSync(join(tmpdir(), 'longhaul-'))
  const socketPath = socketFolder === null ? wantedPath : join(socketFolder, 'redis.sock')
  rmSync(socketPath, { force: true })
  const socket = ['--port', '0', '--unixsocket', socketPath, '--unixsocketperm', '700']
  const settings = [...socket, '--save', '', '--appendonly', 'no', '--dir', folder]
  const child = spawn('sh', ['-c', startScript, 'sh', ...settings], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
  const output = outputOf(child)
  const ended = endOf(child)
  const stop = async (): Promise<void> => {
    await stopChild(child, ended)
    rmSync(socketPath, { force: true })
    if (socketFolder !== null) rmSync(socketFolder, { recursive: true, force: true })
  }
  try {
    const version = await waitForAnswer(socketPath, child)
    return { pid: child.pid ?? 0, socketPath, version, stop }
  } catch (error) {
    await stop()
    throw new OperatingError('ENVIRONMENT_NOT_READY', `redis-server did not start: ${messageOf(error)}`, {
      hint: `Run redis-server by hand to see why, or set redis.mode to off. It said: ${output.text.trim() || 'nothing'}`,
      cause: error,
    })
  }
}

function outputOf(child: ChildProcess): { text: string } {
  const output = { text: '' }
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => (output.text = (output.text + text).slice(-maxOutputChars)))
  }
  return output
}

/** Resolves when the server has ended. The watcher is told so, or it would send its signal to whoever has the pid by then. */
function endOf(child: ChildProcess): Promise<void> {
  const pipe = child.stdio[3]
  // The watcher may be gone before the word arrives; it has nothing to watch then.
  pipe?.on('error', () => pipe.destroy())
  return new Promise((resolve) => {
    const end = (): void => {
      if (pipe !== undefined && pipe !== null && 'end' in pipe) pipe.end('ended\n')
      resolve()
    }
    child.once('exit', end).once('error', end)
  })
}

async function stopChild(child: ChildProcess, ended: Promise<void>): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await Promise.race([ended, delay(stopDeadlineMs, undefined, { ref: false })])
  }
}

async function waitForAnswer(socketPath: string, child: ChildProcess): Promise<string> {
  const deadlineMs = performance.now() + startDeadlineMs
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`)
    if (existsSync(socketPath)) {
      const answer = await ask(socketPath, 'INFO server\r\n')
      const version = answer === null ? undefined : /redis_version:(\S+)/.exec(answer)?.[1]
      if (version !== undefined) return version
    }
    await delay(5)
  }
  throw new Error(`no answer in ${startDeadlineMs} ms`)
}

/** One inline command; null where nobody answers (yet). */
function ask(socketPath: string, command: string): Promise<string | null> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    const settle = (answer: string | null): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setEncoding('utf8').setTimeout(1000, () => settle(null))
    socket
      .on('connect', () => socket.write(command))
      .on('data', (text: string) => settle(text))
      .on('error', () => settle(null))
  })
}
