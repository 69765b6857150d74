/** The checksum that an offload was to compute, against frames that were built with it. */
import { expect, test } from 'vitest'
import { completeChecksum } from '#src/packet/upper-header.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'
import { buildFrame, type Packet, partialFrame, plain, plain6 } from './frames.ts'

test('completeChecksum makes the frame that is built with a full checksum', () => {
  forAll({ numRuns: scaled(20_000), seed: SEED }, [partialFrame], each => {
    const given = buildFrame(each)
    expect(completeChecksum(given, 0, given.length)).toBe(true)
    expect(given).toEqual(buildFrame({ ...each, packet: { ...each.packet, checksum: 'full' } }))
  })
})

test('completeChecksum does not change frames without such a checksum', () => {
  const others: Packet[] = [
    { ...plain, kind: 'icmp' },
    { ...plain, kind: 'other' },
    { ...plain, payload: new Array(60).fill(7), fragment: { first: true, at: 24 } },
    { ...plain6, payload: new Array(60).fill(7), fragment: { first: true, at: 24 } },
    { ...plain6, payload: new Array(60).fill(7), fragment: { first: false, at: 24 } },
  ]
  for (const packet of others) {
    const given = buildFrame({ packet, tags: [], padding: [] })
    const before = given.slice()
    expect(completeChecksum(given, 0, given.length)).toBe(false)
    expect(given).toEqual(before)
  }
  expect(completeChecksum(new Uint8Array(13), 0, 13)).toBe(false)
})
