/** What probes of a link find, in virtual time. */
import { NSEC_PER_MSEC } from '#src/base/clock.ts'
import { type Measured, TRAIN_PACKETS } from '#src/wire/fit.ts'
import { parseWire } from '#src/wire/parse.ts'
import { Simulation } from '#src/wire/simulation.ts'
import { plainFrame } from '#support/wire.ts'

const MS = NSEC_PER_MSEC

export const BYTES = 98

export interface Numbered {
  readonly n: number
  readonly time: number
}

/** Returns when packets are back that cross a link with this wire in both directions. */
export function returned(
  text: string,
  sent: readonly Numbered[],
  length: number,
  seed = 7,
): Numbered[] {
  const bytes = plainFrame(length)
  const number = (from: Uint8Array, at: number) =>
    new DataView(from.buffer, from.byteOffset + at).getUint32(14)
  const arrival = { bytes, at: 0, captured: length, length, gsoSize: 0, gsoType: 0, transport: 0 }
  const pass = (direction: 'ab' | 'ba', frames: readonly Numbered[]) => {
    const out: Numbered[] = []
    const simulation = new Simulation({
      deliver: (skb, _, time) => void out.push({ n: number(skb.bytes, skb.data), time }),
    })
    simulation.set(direction, 0, parseWire(text, undefined, direction), text, seed)
    for (const { n, time } of frames) {
      new DataView(bytes.buffer).setUint32(14, n)
      simulation.arrive({ ...arrival, direction, time })
    }
    simulation.finish()
    return out.sort((a, b) => a.time - b.time)
  }
  return pass('ba', pass('ab', sent))
}

/** Returns what probes of 20 ms find on a link with this wire in both directions. */
export function measured(text: string, count: number, rate?: number): Measured {
  const sent = Array.from({ length: count }, (_, n) => ({ n, time: 1000 + n * 20 * MS }))
  const probes = sent.map(({ time }): { sent: number; trip: number | undefined } => ({
    sent: time - 1000,
    trip: undefined,
  }))
  for (const { n, time } of returned(text, sent, BYTES)) {
    Object.assign(probes[n] as object, { trip: time - 1000 - n * 20 * MS })
  }
  return { probes, bytes: BYTES, rate }
}

/** Returns the arrival times of a train that is sent with 10 us between its packets. */
export function train(text: string, seed: number, length = TRAIN_PACKETS): number[] {
  const sent = Array.from({ length }, (_, n) => ({ n, time: 1000 + n * 10_000 }))
  const back = returned(text, sent, 1442, seed)
  return back.sort((a, b) => a.n - b.n).map(({ time }) => time)
}
