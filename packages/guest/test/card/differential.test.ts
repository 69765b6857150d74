/**
 * The model of the card does what QEMU's card does, to every register, descriptor, buffer and
 * interrupt that random operations reach.
 */
import { expect, onTestFinished, test } from 'vitest'
import { Operator } from './operations.ts'
import { startPairMachine } from './pair.ts'
import { makeTwin } from './twin.ts'

const OPERATIONS = 16_000
const SEEDS = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
/** Differences are shown up to here: one mistake causes many. */
const SHOWN = 5

test.each(SEEDS)(`seed %i: ${OPERATIONS} operations leave no difference`, async seed => {
  const machine = await startPairMachine()
  onTestFinished(() => machine.close())
  const operator = new Operator(makeTwin(machine), seed)
  while (operator.operations < OPERATIONS && operator.differences.length < SHOWN) {
    operator.step()
  }
  expect(operator.differences).toEqual([])
  expect(operator.frames).toBeGreaterThan(OPERATIONS / 10)
})
