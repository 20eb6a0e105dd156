import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findProcess } from '../store/process-identity.ts'
import { isRedisInstalled, startRedisServer } from './redis-server.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'longhaul-server-'))
})

afterAll(() => rmSync(folder, { recursive: true }))

describe.skipIf(!isRedisInstalled())('a private Redis (skipped where there is no redis-server on the PATH)', () => {
  test('answers once started, and leaves nothing when stopped', async () => {
    const server = await startRedisServer(folder)
    expect(server.version).toMatch(/^\d+\.\d+/)
    expect(findProcess(server.pid)).not.toBeNull()
    await server.stop()
    await server.stop()
    expect(findProcess(server.pid)).toBeNull()
    expect(existsSync(server.socketPath)).toBe(false)
  })

  test('has its socket elsewhere where the folder is too deep for one', async () => {
    const deep = join(folder, 'a'.repeat(60), 'b'.repeat(60))
    mkdirSync(deep, { recursive: true })
    const server = await startRedisServer(deep)
    expect(Buffer.byteLength(server.socketPath)).toBeLessThan(104)
    await server.stop()
    expect(existsSync(join(server.socketPath, '..'))).toBe(false)
  })

  test('dies when the process that started it is killed', async () => {
    const script = join(folder, 'starter.ts')
    writeFileSync(
      script,
      `import { startRedisServer } from '${join(import.meta.dirname, 'redis-server.ts')}'
      const server = await startRedisServer('${folder}')
      process.stdout.write(String(server.pid))`,
    )
    const starter = spawn(process.execPath, [script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const [text] = (await once(starter.stdout, 'data')) as [Buffer]
    const pid = Number(text.toString())
    expect(findProcess(pid)).not.toBeNull()
    starter.kill('SIGKILL')
    await expect.poll(() => findProcess(pid), { timeout: 5000 }).toBeNull()
  })

  test.each(['kill', 'restart'] as const)('has all that it acknowledged again after a %s, on the same socket', async (how) => {
    const server = await startRedisServer(folder)
    const first = new Redis({ path: server.socketPath })
    for (let number = 1; number <= 100; number++) await first.set('last', number)
    first.disconnect()
    const { pid } = server
    if (how === 'kill') await server.kill()
    await server.restart()
    expect(findProcess(pid)).toBeNull()
    const second = new Redis({ path: server.socketPath })
    expect(await second.get('last')).toBe('100')
    second.disconnect()
    await server.stop()
    expect(readdirSync(folder).filter((name) => name.startsWith('redis'))).toEqual([])
  })

  test('a server that cannot start says why', async () => {
    await expect(startRedisServer(join(folder, 'no-such-folder'))).rejects.toMatchObject({
      code: 'ENVIRONMENT_NOT_READY',
      hint: expect.stringMatching(/redis\.mode to off.*(No such file|directory)/s),
    })
  })
})
