/** Planted bugs that only real time shows. */

import { isRealTime, plantedBugs } from '../fixtures/planted-bugs.ts'
import { proofTests } from '../fixtures/proof-tests.ts'

proofTests(plantedBugs.filter(isRealTime))
