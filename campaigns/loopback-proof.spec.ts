/** Planted bugs that only real time shows. */

import { isRealTime, plantedBugs } from '../fixtures/planted-bugs.ts'
import { proofTests } from '../fixtures/proof-tests.ts'

// One at a time: what is planted may take a whole processor, and its twin is measured.
proofTests(plantedBugs.filter(isRealTime), 1)
