import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { commandOf, currentProcess, findProcess, isGone, isRunning, parseIdentity } from './process-identity.ts'

test('this process runs, and is not gone', () => {
  expect(isRunning(currentProcess())).toBe(true)
  expect(isGone(currentProcess())).toBe(false)
  expect(commandOf(process.pid)).toContain('node')
})

test('a process is gone once it has ended, though its number may be in use again', async () => {
  const child = spawn('sleep', ['60'])
  const identity = findProcess(child.pid!)!
  expect(isRunning(identity)).toBe(true)
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(isGone(identity)).toBe(true)
  expect(isGone({ ...currentProcess(), startTime: 'another' })).toBe(true)
})

test('a process of another host is neither known to run nor known to be gone', () => {
  const elsewhere = { ...currentProcess(), space: 'another host' }
  expect(isRunning(elsewhere)).toBe(false)
  expect(isGone(elsewhere)).toBe(false)
})

test.for([0, -1, 1.5, Number.NaN, 2 ** 40])('pid %d is no process', (pid) => {
  expect(findProcess(pid)).toBeNull()
})

test.for([null, 'text', 3, {}, { pid: '1', startTime: null, space: '' }, { pid: 1, startTime: 5, space: '' }, { pid: 1, startTime: '5' }])(
  '%j is no identity',
  (value) => {
    expect(parseIdentity(value)).toBeNull()
  },
)
