/** The driver of the card, with the other moments at which a card works on its rings. */
import { AT_ONCE } from '#src/drivers/e1000/slot.ts'
import { testModes } from './modes.ts'

testModes([
  ['inside the driver’s code', { lag: AT_ONCE }],
  ['a millisecond later', { lag: 1 }],
  ['for a CPU that reorders', { lag: 0, weak: true }],
  ['inside the code of a CPU that reorders', { lag: AT_ONCE, weak: true }],
])
