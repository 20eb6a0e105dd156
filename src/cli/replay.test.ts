import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { sampleRun } from '../report/sample-run.ts'
import { replay } from './replay.ts'

test('a run without a trading log is refused before anything is run', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'longhaul-replay-'))
  writeFileSync(join(folder, 'run.json'), JSON.stringify(sampleRun().record))
  const message = expect.stringContaining(`cannot read ${folder}/logs/trading.log`) as string
  await expect(replay([folder])).rejects.toMatchObject({ code: 'LOG_NOT_FOUND', message })
  rmSync(folder, { recursive: true })
})
