/** Turns that grant all time at once, for tests of what the work does. */
import type { Work } from '../../src/base/turns.ts'

function add(work: Work): void {
  while (work.step()) {}
}

export const atOnce = { add, addNow: add, delete(): void {} }
