/**
 * The StateStore without a server: a folder with a lease file and an append-only log of checksummed changes. Survives the death of its
 * process at any instant; after a loss of power the last few commits may be missing, never a part of one.
 */

import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { crc32 } from 'node:zlib'
import { assert } from '../base/assert.ts'
import { codeOf, messageOf, OperatingError } from '../base/error.ts'
import type { Changes, StateStore } from '../engine/state-store.ts'
import { currentProcess, isGone, parseIdentity } from './process-identity.ts'

/** A log smaller than this is not worth compacting. */
const minCompactedBytes = 1024 * 1024
/** A log is compacted when it has grown to this many times its size after the last compaction. */
const maxGrowth = 8
const newline = 0x0a
const checksumLength = 8

export class EmbeddedStateStore implements StateStore {
  readonly kind = 'embedded'
  readonly #folder: string
  readonly #state = new Map<string, string>()
  /** The fencing token: each opening takes the next, and writes a log of its own, so that an older holder's late write reaches nobody. */
  #token = 0
  #descriptor: number | null = null
  #logBytes = 0
  #compactAtBytes = minCompactedBytes

  constructor(folder: string) {
    this.#folder = folder
  }

  async open(): Promise<ReadonlyMap<string, string>> {
    assert(this.#descriptor === null, 'the store is open already')
    this.#guard('open', () => {
      mkdirSync(this.#folder, { recursive: true })
      this.#takeLease()
      try {
        this.#read()
        this.#compact()
        this.#removeOlder()
      } catch (error) {
        // Or the next try would find the state held: by this very process.
        this.#release()
        throw error
      }
    })
    return new Map(this.#state)
  }

  async commit(changes: Changes): Promise<void> {
    const descriptor = this.#descriptor
    assert(descriptor !== null, 'the store is not open')
    const record = encodeRecord(changes)
    this.#guard('write', () => this.#append(descriptor, record))
    apply(changes, this.#state)
    // The lease is looked at after the write: the next holder takes the old lease away first and reads the log second, so a commit
    // that still finds its lease is in the log that the next holder reads.
    if (!this.#holdsLease()) throw fenced(this.#folder)
    if (this.#logBytes >= this.#compactAtBytes) this.#guard('compact', () => this.#compact())
  }

  async close(): Promise<void> {
    if (this.#descriptor !== null) this.#release()
  }

  #release(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = null
    if (this.#holdsLease()) unlinkSync(this.#leasePath(this.#token))
  }

  #takeLease(): void {
    try {
      const newest = newestNumber(this.#folder, leasePattern)
      if (newest > 0) this.#refuseLiveHolder(newest)
      this.#token = Math.max(newest, newestNumber(this.#folder, logPattern)) + 1
      this.#writeLease()
    } catch (error) {
      const isRaceLost = codeOf(error) === 'EEXIST' || codeOf(error) === 'ENOENT'
      throw isRaceLost ? leaseHeld(this.#folder, 'another engine that came at the same moment') : error
    }
    for (const token of numbersIn(this.#folder, leasePattern)) if (token < this.#token) unlinkSync(this.#leasePath(token))
  }

  /** A link is made whole or not at all, and never over an existing one: of two engines that open at once, one gets it. */
  #writeLease(): void {
    const draft = join(this.#folder, `lease-${this.#token}-${process.pid}.tmp`)
    writeFileSync(draft, JSON.stringify(currentProcess()))
    linkSync(draft, this.#leasePath(this.#token))
    rmSync(draft, { force: true })
  }

  #refuseLiveHolder(token: number): void {
    const text = readFileSync(this.#leasePath(token), 'utf8')
    const holder = parseIdentity(parseJson(text))
    if (holder === null) throw leaseHeld(this.#folder, `an unknown process (${text.slice(0, 80)})`)
    if (!isGone(holder)) throw leaseHeld(this.#folder, `process ${holder.pid} on ${holder.space}`)
  }

  #holdsLease(): boolean {
    return statSync(this.#leasePath(this.#token), { throwIfNoEntry: false }) !== undefined
  }

  #read(): void {
    this.#state.clear()
    const newest = newestNumber(this.#folder, logPattern)
    if (newest === 0) return
    const path = this.#logPath(newest)
    for (const changes of decodeRecords(readFileSync(path), path)) apply(changes, this.#state)
  }

  /** Writes the state as one record into a new file and puts it in the log's place. */
  #compact(): void {
    const path = this.#logPath(this.#token)
    const draft = `${path}.tmp`
    const record = encodeRecord({ set: Object.fromEntries(this.#state), remove: [] })
    const descriptor = openSync(draft, 'w')
    try {
      writeAt(descriptor, record, 0)
      // Without this a loss of power could leave an empty file under the log's name.
      fsyncSync(descriptor)
      renameSync(draft, path)
    } catch (error) {
      closeSync(descriptor)
      // On a full disk it would take the room of the commits that follow in the old log.
      rmSync(draft, { force: true })
      throw error
    }
    if (this.#descriptor !== null) closeSync(this.#descriptor)
    this.#descriptor = descriptor
    this.#logBytes = record.length
    this.#compactAtBytes = Math.max(minCompactedBytes, this.#logBytes * maxGrowth)
  }

  /** A record that the disk took only in part is written over by the next one: its place is the end of the last whole record. */
  #append(descriptor: number, record: Buffer): void {
    writeAt(descriptor, record, this.#logBytes)
    this.#logBytes += record.length
  }

  #removeOlder(): void {
    for (const name of readdirSync(this.#folder)) {
      const number = Number(logPattern.exec(name)?.[1] ?? Number.NaN)
      if (number < this.#token || name.endsWith('.tmp')) unlinkSync(join(this.#folder, name))
    }
  }

  #leasePath(token: number): string {
    return join(this.#folder, `lease-${token}`)
  }

  #logPath(token: number): string {
    return join(this.#folder, `state-${token}.log`)
  }

  #guard(verb: string, action: () => void): void {
    try {
      action()
    } catch (error) {
      if (error instanceof OperatingError) throw error
      throw new OperatingError('STORE_UNAVAILABLE', `cannot ${verb} the state in ${this.#folder}: ${messageOf(error)}`, {
        hint: 'Check that the folder is writable and that the disk is not full.',
        cause: error,
      })
    }
  }
}

const leasePattern = /^lease-(\d+)$/
const logPattern = /^state-(\d+)\.log$/

function numbersIn(folder: string, pattern: RegExp): number[] {
  return readdirSync(folder).flatMap((name) => {
    const number = pattern.exec(name)?.[1]
    return number === undefined ? [] : [Number(number)]
  })
}

function newestNumber(folder: string, pattern: RegExp): number {
  return Math.max(0, ...numbersIn(folder, pattern))
}

function apply(changes: Changes, state: Map<string, string>): void {
  for (const key of changes.remove) state.delete(key)
  for (const [key, value] of Object.entries(changes.set)) state.set(key, value)
}

function writeAt(descriptor: number, bytes: Buffer, position: number): void {
  for (let offset = 0; offset < bytes.length;) {
    offset += writeSync(descriptor, bytes, offset, bytes.length - offset, position + offset)
  }
}

/** CRC-32 of the JSON text in eight hex digits, the JSON text, a newline: a record is whole when its newline is there. */
function encodeRecord(changes: Changes): Buffer {
  const text = Buffer.from(JSON.stringify({ set: changes.set, remove: changes.remove }))
  return Buffer.concat([Buffer.from(checksumOf(text)), text, Buffer.of(newline)])
}

function checksumOf(text: Uint8Array): string {
  return crc32(text).toString(16).padStart(checksumLength, '0')
}

/** What stands behind the last newline is a commit that was under way when its process died: nobody was told that it was made. */
function* decodeRecords(log: Buffer, path: string): Generator<Changes> {
  for (let start = 0, end = log.indexOf(newline); end !== -1; start = end + 1, end = log.indexOf(newline, start)) {
    const text = log.subarray(start + checksumLength, end)
    if (log.toString('latin1', start, start + checksumLength) !== checksumOf(text)) {
      throw new OperatingError('STORE_CORRUPT', `the record at byte ${start} of ${path} does not match its checksum`, {
        hint: 'Keep the folder for inspection and start a new run: this state cannot be trusted.',
      })
    }
    yield JSON.parse(text.toString('utf8')) as Changes
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The caller treats anything that is no identity as a holder that may be alive.
    return null
  }
}

function leaseHeld(folder: string, holder: string): OperatingError {
  return new OperatingError('LEASE_HELD', `the state in ${folder} is held by ${holder}`, {
    hint: 'Stop that engine first; if it is known to be gone, delete the lease file in the folder.',
  })
}

function fenced(folder: string): OperatingError {
  return new OperatingError('STORE_FENCED', `the lease on ${folder} was taken by another engine or removed`, {
    hint: 'Only one engine may write; this one must end.',
  })
}
