/** What arrives over a link. */
import { NSEC_PER_MSEC, NSEC_PER_SEC } from '#src/base/clock.ts'
import { parseWire } from '#src/wire/parse.ts'
import { plainFrame, type testWires } from '#support/wire.ts'

/**
 * Returns a function that sends 600 packets in 3 s, and returns the ids and times of the packets
 * that arrive.
 */
export const arrivalsOf =
  (makeWire: ReturnType<typeof testWires>) =>
  (text: string, seed: number, direction: 'ab' | 'ba' = 'ab'): string => {
    const wire = makeWire(parseWire(text, undefined, direction), { seed, direction })
    for (let i = 0; i < 600; i++) {
      wire.sendFrame(plainFrame(1000))
      wire.advance(5 * NSEC_PER_MSEC)
    }
    wire.advance(2 * NSEC_PER_SEC)
    wire.conserved()
    return wire.received.map(({ id, time }) => `${id} ${time}`).join('\n')
  }
