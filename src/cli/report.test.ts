/** The `report` and `site` commands' arguments. What they write is tested where it is made. */

import { expect, test } from 'vitest'
import { exitCodes } from '../base/exit-code.ts'
import { report } from './report.ts'
import { site } from './site.ts'

test.each([
  ['report', report],
  ['site', site],
])('%s --help explains itself', async (_, command) => {
  expect(await command(['--help'])).toBe(exitCodes.ok)
})

test.each([
  ['no run', report, []],
  ['two runs', report, ['a', 'b']],
  ['an unknown option', report, ['latest', '--pretty']],
  ['an option that site does not have', site, ['--open']],
  ['a run to a command that takes none', site, ['latest']],
])('%s is a bad command line', async (_, command, args) => {
  await expect(command(args)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})

test('a run that does not exist is named', async () => {
  await expect(report(['no-such-run'])).rejects.toMatchObject({ code: 'RUN_NOT_FOUND', message: expect.stringContaining('no-such-run') })
})
