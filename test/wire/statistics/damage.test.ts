import { expect, test } from 'vitest'
import { corrupt } from '#src/wire/stages/corrupt.ts'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import { truncate } from '#src/wire/stages/truncate.ts'
import { either, SEED } from '#support/scale.ts'
import { expectLaw, expectNear } from '#support/statistics.ts'
import { testWires } from '#support/wire.ts'

const makeWire = testWires()
const PACKETS = either(1_000_000, 50_000)

test.each([
  [0.01, 0],
  [0.3, 0],
  [0.1, 0.5],
])(
  'duplicate of %d with correlation %d doubles that share of the packets',
  (share, correlation) => {
    let received = 0
    const wire = makeWire([duplicate(share, { correlation })], {
      seed: SEED,
      poison: false,
      receive: () => {
        received++
      },
    })
    wire.send(PACKETS)
    const spread = (share * (1 - share) * (1 + correlation)) / (1 - correlation)
    expectNear((received - PACKETS) / PACKETS, share, Math.sqrt(spread / PACKETS), 'copies')
    expect(wire.conserved().duplicated).toBe(received - PACKETS)
  },
)

test('corrupt changes the requested share, and every bit after the Ethernet header equally often', () => {
  const bits = new Array(8 * 46).fill(0)
  const share = 0.5
  const wire = makeWire([corrupt(share)], {
    seed: SEED,
    poison: false,
    receive: ({ bytes, data, len }) => {
      // The packets of the test are zero there.
      for (let i = data + 14; i < data + len; i++) {
        if (bytes[i] !== 0) {
          bits[8 * (i - data - 14) + Math.clz32(bytes[i]) - 24]++
        }
      }
    },
  })
  wire.send(PACKETS)
  const corrupted = bits.reduce((sum, n) => sum + n, 0)
  expectNear(
    corrupted / PACKETS,
    share,
    Math.sqrt((share * (1 - share)) / PACKETS),
    'corrupted packets',
  )
  expectLaw(bits, () => 1 / bits.length, 'bits')
  expect(wire.chain.report()[0].corrupted).toBe(corrupted)
})

test('truncate cuts the requested share', () => {
  let cut = 0
  const wire = makeWire([truncate(20, 0.2)], {
    seed: SEED,
    poison: false,
    receive: ({ len }) => {
      if (len === 20) {
        cut++
      }
    },
  })
  wire.send(PACKETS)
  expectNear(cut / PACKETS, 0.2, Math.sqrt((0.2 * 0.8) / PACKETS), 'packets cut')
})
