import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { currentProcess, findProcess, isRunning } from '../store/process-identity.ts'
import type { ProcessRecord } from './processes.ts'
import { ProcessRegister } from './processes.ts'

const graceMs = 300
const deadSupervisor = { ...currentProcess(), startTime: 'long ago' }

let folder: string
let register: ProcessRegister
let children: ChildProcess[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-processes-'))
  register = new ProcessRegister(folder)
  children = []
})

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

/** A process that waits, and that ignores SIGTERM where told. */
async function start(isStubborn = false): Promise<number> {
  const script = `${isStubborn ? "process.on('SIGTERM', () => undefined);" : ''} setInterval(() => undefined, 1000); console.log('ready')`
  const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] })
  children.push(child)
  await new Promise((resolve) => child.stdout.once('data', resolve))
  return child.pid!
}

/** Records a process, and changes the record as if somebody else had written it. */
function recordAs(pid: number, change: Partial<ProcessRecord>): ProcessRecord {
  const record = { ...register.record('engine', 'S0-1', pid)!, ...change }
  const name = readdirSync(folder).find((file) => file.includes(`-${pid}.`))!
  writeFileSync(join(folder, name), JSON.stringify(record))
  return record
}

function isAlive(pid: number): boolean {
  return findProcess(pid) !== null
}

test('a recorded engine whose supervisor is gone is stopped, and its record removed', async () => {
  const pid = await start()
  recordAs(pid, { supervisor: deadSupervisor })
  const { stopped } = await register.stopLeftovers(graceMs)
  expect(stopped.map((record) => record.process.pid)).toEqual([pid])
  expect(isAlive(pid)).toBe(false)
  expect(readdirSync(folder)).toEqual([])
})

test('an engine that ignores SIGTERM is killed after the grace', async () => {
  const pid = await start(true)
  recordAs(pid, { supervisor: deadSupervisor })
  const startedMs = performance.now()
  await register.stopLeftovers(graceMs)
  expect(isAlive(pid)).toBe(false)
  expect(performance.now() - startedMs).toBeGreaterThanOrEqual(graceMs)
})

test('an engine whose supervisor lives is left alone: a campaign runs beside', async () => {
  const pid = await start()
  register.record('engine', 'S0-1', pid)
  const { stopped, running } = await register.stopLeftovers(graceMs)
  expect([stopped.length, running.length]).toEqual([0, 1])
  expect(isAlive(pid)).toBe(true)
  expect(register.liveRunIds()).toEqual(new Set(['S0-1']))
})

test('an engine whose supervisor is on another host is left alone', async () => {
  const pid = await start()
  recordAs(pid, { supervisor: { ...currentProcess(), space: 'another host' } })
  expect((await register.stopLeftovers(graceMs)).stopped).toEqual([])
  expect(isAlive(pid)).toBe(true)
})

test('a foreign process with the same command line survives', async () => {
  const ours = await start()
  const foreign = await start()
  recordAs(ours, { supervisor: deadSupervisor })
  await register.stopLeftovers(graceMs)
  expect([isAlive(ours), isAlive(foreign)]).toEqual([false, true])
})

test('a process that was given the number of a recorded one survives', async () => {
  const pid = await start()
  recordAs(pid, { supervisor: deadSupervisor, process: { ...findProcess(pid)!, startTime: '1' } })
  const { stopped, staleCount } = await register.stopLeftovers(graceMs)
  expect([stopped.length, staleCount]).toEqual([0, 1])
  expect(isAlive(pid)).toBe(true)
  expect(readdirSync(folder)).toEqual([])
})

test('a process with another command than the recorded one survives', async () => {
  const pid = await start()
  recordAs(pid, { supervisor: deadSupervisor, command: 'node engine.ts' })
  expect((await register.stopLeftovers(graceMs)).stopped).toEqual([])
  expect(isAlive(pid)).toBe(true)
})

test('a dry run names what would be stopped, and does nothing', async () => {
  const pid = await start()
  recordAs(pid, { supervisor: deadSupervisor })
  expect((await register.stopLeftovers(graceMs, true)).stopped).toHaveLength(1)
  expect(isAlive(pid)).toBe(true)
  expect(readdirSync(folder)).toHaveLength(1)
})

test.for(['', '{', '{"process":{"pid":1}}', '[]', '{"role":"engine","runId":"x","process":{"pid":-1,"startTime":null,"space":""}}'])(
  'a record that reads %j names nobody, and is left for a person to look at',
  async (text) => {
    writeFileSync(join(folder, 'S0-1-engine-1.json'), text)
    expect(await register.stopLeftovers(graceMs)).toEqual({ stopped: [], running: [], staleCount: 0 })
    expect(readFileSync(join(folder, 'S0-1-engine-1.json'), 'utf8')).toBe(text)
  },
)

test('a process that has ended is not recorded, and an empty register is fine', async () => {
  expect(register.record('engine', 'S0-1', 2 ** 30)).toBeNull()
  const nowhere = new ProcessRegister(join(folder, 'nowhere'))
  expect(await nowhere.stopLeftovers(graceMs)).toEqual({ stopped: [], running: [], staleCount: 0 })
  expect(existsSync(join(folder, 'nowhere'))).toBe(false)
})

test('a register that cannot be read does not say that nothing runs', async () => {
  writeFileSync(join(folder, 'file'), '')
  const unreadable = new ProcessRegister(join(folder, 'file'))
  const refusal = expect.objectContaining({ code: 'ENVIRONMENT_NOT_READY' }) as Error
  expect(() => unreadable.liveRunIds()).toThrow(refusal)
  await expect(unreadable.stopLeftovers(graceMs)).rejects.toThrow(refusal)
})

test('a forgotten process has no record', () => {
  const record = register.record('supervisor', 'S0-1', process.pid)!
  expect(isRunning(record.process)).toBe(true)
  register.forget(record)
  expect(readdirSync(folder)).toEqual([])
})
