/** A private redis-server on a unix socket: started for one run, and gone with the process that started it; its data is on disk. */

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
const startDeadlineMs = 15_000
const stopDeadlineMs = 2000
const maxOutputChars = 4000

/**
 * The shell becomes redis-server, so that its pid is the server's. Before that it leaves a watcher behind which ends the server when the
 * pipe on descriptor 3 closes without a word: this process was killed, and nobody else will stop the server. The engine, which learns of it
 * at the same moment, is left time to store how it ended. What a closed terminal sends to all ends neither redis-server nor the watcher.
 */
const startScript = '{ trap "" HUP INT TERM; read -r word <&3 || { sleep 2; kill $$; }; } & exec 3<&-; exec redis-server "$@"'

/** In the server's folder: what it has acknowledged, for its next start there. */
const dataFolderName = 'redis-data'

/**
 * Each command is written before it is answered, and never synchronised: the server may die at any moment and loses nothing that it had
 * acknowledged. `everysec` would put writes off while it synchronises, and `always` doubles the time of a campaign, against a loss of power
 * only, which ends the campaign too.
 */
const durability = ['--save', '', '--appendonly', 'yes', '--appendfsync', 'no']

export interface RedisServer {
  /** Of the process that runs now, or ran last. */
  readonly pid: number
  readonly socketPath: string
  readonly version: string
  /** SIGKILL. What it had acknowledged is there again after `restart`. */
  kill(): Promise<void>
  /** Ends it where it runs, and starts it again on the same socket with the same data. Throws ENVIRONMENT_NOT_READY. */
  restart(): Promise<void>
  /** SIGTERM, a bounded wait, SIGKILL; its files are removed. Safe to call twice. */
  stop(): Promise<void>
}

/** True where there is a redis-server on the PATH. */
export function isRedisInstalled(): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, 'redis-server')))
}

/**
 * `folder` is for its files, and may hold those of a server whose starter was killed: then it goes on with them. The socket lies elsewhere
 * where the folder's path is too long for one. Throws ENVIRONMENT_NOT_READY.
 */
export async function startRedisServer(folder: string): Promise<RedisServer> {
  const server = new PrivateRedis(folder)
  await server.restart()
  return server
}

class PrivateRedis implements RedisServer {
  readonly socketPath: string
  version = ''
  readonly #folder: string
  readonly #socketFolder: string | null
  #child: ChildProcess | null = null
  #ended: Promise<void> = Promise.resolve()

  constructor(folder: string) {
    this.#folder = folder
    const wantedPath = join(folder, 'redis.sock')
    this.#socketFolder = Buffer.byteLength(wantedPath) <= maxSocketPathBytes ? null : mkdtempSync(join(tmpdir(), 'longhaul-'))
    this.socketPath = this.#socketFolder === null ? wantedPath : join(this.#socketFolder, 'redis.sock')
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  async kill(): Promise<void> {
    await this.#end(['SIGKILL'])
  }

  async restart(): Promise<void> {
    await this.#end(['SIGTERM', 'SIGKILL'])
    rmSync(this.socketPath, { force: true })
    const socket = ['--port', '0', '--unixsocket', this.socketPath, '--unixsocketperm', '700']
    const data = ['--dir', this.#folder, '--appenddirname', dataFolderName, ...durability]
    const child = spawn('sh', ['-c', startScript, 'sh', ...socket, ...data], { stdio: ['ignore', 'pipe', 'pipe', 'pipe'] })
    this.#child = child
    this.#ended = endOf(child)
    const output = outputOf(child)
    try {
      this.version = await waitForAnswer(this.socketPath, child)
    } catch (error) {
      await this.stop()
      throw new OperatingError('ENVIRONMENT_NOT_READY', `redis-server did not start: ${messageOf(error)}`, {
        hint: `Run redis-server by hand to see why, or set redis.mode to off. It said: ${output.text.trim() || 'nothing'}`,
        cause: error,
      })
    }
  }

  async stop(): Promise<void> {
    await this.#end(['SIGTERM', 'SIGKILL'])
    rmSync(this.socketPath, { force: true })
    rmSync(join(this.#folder, dataFolderName), { recursive: true, force: true })
    if (this.#socketFolder !== null) rmSync(this.#socketFolder, { recursive: true, force: true })
  }

  async #end(signals: readonly NodeJS.Signals[]): Promise<void> {
    const child = this.#child
    for (const signal of signals) {
      if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
      child.kill(signal)
      await Promise.race([this.#ended, delay(stopDeadlineMs, undefined, { ref: false })])
    }
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

async function waitForAnswer(socketPath: string, child: ChildProcess): Promise<string> {
  const deadlineMs = performance.now() + startDeadlineMs
  while (performance.now() < deadlineMs) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended with ${child.exitCode ?? child.signalCode}`)
    if (existsSync(socketPath)) {
      // While it reads what it had stored it answers INFO already, and refuses everything else.
      const answer = await ask(socketPath, 'PING\r\nINFO server\r\n')
      const version = answer?.startsWith('+PONG') === true ? /redis_version:(\S+)/.exec(answer)?.[1] : undefined
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
