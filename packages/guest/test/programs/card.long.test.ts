/** A part of test/card, by qemu-system-x86_64; `npm run test:card` has all of it. */
import { expect, onTestFinished, test } from 'vitest'
import { Operator } from '../card/operations.ts'
import { startPairMachine } from '../card/pair.ts'
import { makeTwin } from '../card/twin.ts'

test('1000 operations leave no difference between the model of the card and QEMU’s', async () => {
  const machine = await startPairMachine()
  onTestFinished(() => machine.close())
  const operator = new Operator(makeTwin(machine), 11)
  while (operator.operations < 1000) {
    operator.step()
  }
  expect(operator.differences).toEqual([])
})
