/** The table of planted bugs, as far as virtual time shows them; `npm run prove` prints it. */

import { expect, test } from 'vitest'
import { isRealTime, plantedBugs, unplanted } from '../fixtures/planted-bugs.ts'
import { proofTests } from '../fixtures/proof-tests.ts'

test('every row of the catalogue, every rule and every checker has a planted bug', () => {
  expect(unplanted()).toEqual([])
})

proofTests(plantedBugs.filter((row) => !isRealTime(row)))
