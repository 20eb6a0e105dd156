import { fork } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, chmodSync, cpSync, mkdirSync, mkdtempSync, readdirSync } from 'node:fs'
import { existsSync, readFileSync, rmSync, statSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SeededPrng } from '../base/prng.ts'
import { EmbeddedStateStore } from './embedded-state-store.ts'

let folder: string
let folderCount = 0

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-embedded-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

function freshFolder(): string {
  return join(folder, `state-${++folderCount}`)
}

async function stored(at: string): Promise<Record<string, string>> {
  const store = new EmbeddedStateStore(at)
  const state = Object.fromEntries(await store.open())
  await store.close()
  return state
}

/** Three commits, each on `meta` and on a key of its own. */
async function threeCommits(): Promise<{ at: string; log: string }> {
  const at = freshFolder()
  const store = new EmbeddedStateStore(at)
  await store.open()
  for (const number of [1, 2, 3]) await store.commit({ set: { meta: String(number), [`key-${number}`]: '"x"' }, remove: [] })
  await store.close()
  return { at, log: join(at, 'state-1.log') }
}

describe('the log on disk', () => {
  test('cut anywhere gives the state after a whole number of commits', async () => {
    const { at, log } = await threeCommits()
    const ends: number[] = []
    const bytes = readFileSync(log)
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10, end + 1)) ends.push(end + 1)
    expect(ends).toHaveLength(4)
    for (let length = ends[0]!; length <= bytes.length; length += 3) {
      const copy = freshFolder()
      cpSync(at, copy, { recursive: true })
      truncateSync(join(copy, 'state-1.log'), length)
      const state = await stored(copy)
      const whole = ends.filter((end) => end <= length).length - 1
      expect(state['meta']).toBe(whole === 0 ? undefined : String(whole))
      expect(Object.keys(state)).toHaveLength(whole === 0 ? 0 : whole + 1)
    }
  })

  test('continues cleanly behind a torn record', async () => {
    const { at, log } = await threeCommits()
    appendFileSync(log, '0badc0de{"set":{"to')
    const store = new EmbeddedStateStore(at)
    await store.open()
    await store.commit({ set: { meta: '4' }, remove: [] })
    await store.close()
    expect(await stored(at)).toMatchObject({ meta: '4', 'key-3': '"x"' })
  })

  test('with any bit of a whole record flipped is refused as corrupt, or read as before', async () => {
    const { at, log } = await threeCommits()
    const bytes = readFileSync(log)
    for (let index = 0; index < bytes.length - 1; index += 5) {
      const copy = freshFolder()
      cpSync(at, copy, { recursive: true })
      const changed = Buffer.from(bytes)
      changed[index] = (changed[index] ?? 0) ^ 0x04
      writeFileSync(join(copy, 'state-1.log'), changed)
      await expect(stored(copy)).rejects.toMatchObject({ code: 'STORE_CORRUPT' })
    }
  })

  test('is compacted when it has grown, and nothing is lost', async () => {
    const at = freshFolder()
    const store = new EmbeddedStateStore(at)
    await store.open()
    const filler = 'x'.repeat(10_000)
    let largestBytes = 0
    for (let number = 1; number <= 300; number++) {
      await store.commit({ set: { [`key-${number % 7}`]: `${filler}${number}`, meta: String(number) }, remove: [] })
      largestBytes = Math.max(largestBytes, statSync(join(at, 'state-1.log')).size)
    }
    await store.close()
    expect(largestBytes).toBeLessThan(1.1 * 1024 * 1024)
    const state = await stored(at)
    expect(state['meta']).toBe('300')
    expect(state['key-6']).toBe(`${filler}300`)
  })

  test('leaves no drafts and no older logs behind', async () => {
    const { at } = await threeCommits()
    writeFileSync(join(at, 'state-1.log.tmp'), 'a compaction that was killed')
    await stored(at)
    expect(readdirSync(at)).toEqual(['state-2.log'])
  })
})

describe.skipIf(!existsSync('/dev/full'))('a disk that is full', () => {
  /** The draft of the log's next version finds no room. */
  function fill(at: string): void {
    symlinkSync('/dev/full', join(at, 'state-1.log.tmp'))
  }

  test('when the log is to be compacted fails the commit, and the log goes on where it was', async () => {
    const at = freshFolder()
    const store = new EmbeddedStateStore(at)
    await store.open()
    fill(at)
    const filler = 'x'.repeat(400_000)
    for (const meta of ['1', '2']) await store.commit({ set: { meta, filler }, remove: [] })
    await expect(store.commit({ set: { meta: '3', filler }, remove: [] })).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    await store.commit({ set: { more: '4' }, remove: [] })
    await store.close()
    expect(await stored(at)).toEqual({ meta: '3', more: '4', filler })
  })

  test('when the state is opened leaves it free for the next try', async () => {
    const at = freshFolder()
    mkdirSync(at)
    fill(at)
    const store = new EmbeddedStateStore(at)
    await expect(store.open()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
    expect(await store.open()).toEqual(new Map())
    await store.close()
  })
})

test('a folder that cannot be made is said to be unavailable, with what to do', async () => {
  const at = freshFolder()
  writeFileSync(at, 'a file in the place of the folder')
  const opening = new EmbeddedStateStore(at).open()
  await expect(opening).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE', hint: expect.stringContaining('writable') })
})

test('a folder without write permission is said to be unavailable', async (context) => {
  if (process.getuid?.() === 0) context.skip('root may write everywhere')
  const at = freshFolder()
  mkdirSync(at)
  chmodSync(at, 0o500)
  await expect(new EmbeddedStateStore(at).open()).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' })
  chmodSync(at, 0o700)
})

/** Commits pairs that must stay equal, and says each number once it is acknowledged. Large fillers make compactions frequent. */
const writer = `
import { EmbeddedStateStore } from '${join(import.meta.dirname, 'embedded-state-store.ts')}'
const store = new EmbeddedStateStore(process.argv[2])
const state = await store.open()
const filler = 'x'.repeat(20_000)
for (let number = Number(state.get('left') ?? '0') + 1; ; number++) {
  await store.commit({ set: { left: String(number), ['filler-' + (number % 5)]: filler, right: String(number) }, remove: [] })
  process.stdout.write(number + '\\n')
  if (number % 20 === 0) await new Promise(setImmediate)
}`

test('killed at random instants, it keeps all that was acknowledged and nothing by half', { timeout: 30_000 }, async () => {
  const at = freshFolder()
  const script = join(folder, 'writer.ts')
  writeFileSync(script, writer)
  const prng = new SeededPrng(62)
  let before = 0
  for (let round = 0; round < 4; round++) {
    const child = fork(script, [at], { silent: true })
    let output = ''
    let complaint = ''
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (output += text))
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (complaint += text))
    await Promise.race([once(child.stdout!, 'data'), once(child, 'close')])
    expect(complaint).toBe('')
    await delay(prng.next() * 60)
    child.kill('SIGKILL')
    await once(child, 'close')
    const acknowledged = Number(output.slice(0, output.lastIndexOf('\n')).split('\n').at(-1))
    const state = await stored(at)
    expect(state['left']).toBe(state['right'])
    expect(Number(state['left'])).toBeGreaterThanOrEqual(acknowledged)
    expect(acknowledged).toBeGreaterThan(before)
    before = acknowledged
  }
})
