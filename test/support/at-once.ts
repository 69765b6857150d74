/** Turns that grant all time immediately, for tests of the work itself. */
import type { Work } from '#src/base/turns.ts'

function add(work: Work): void {
  while (work.step()) {}
}

export const atOnce = { add, addNow: add, delete(): void {} }
