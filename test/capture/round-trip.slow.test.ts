/** Random packets in pcapng files. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  writeInterface,
  writePacket,
  writeSection,
  writeStatistics,
  writeTlsKeyLog,
} from '#src/capture/pcapng-writer.ts'
import { readAll } from '#support/capture-bytes.ts'
import { forAll } from '#support/for-all.ts'
import { SEED, scaled } from '#support/scale.ts'
import { packet, read } from './random-packets.ts'

const parameters = { numRuns: scaled(20_000), seed: SEED }

test('packets written as pcapng are read again, in chunks of any size', () => {
  const end = { seconds: 3, nanoseconds: 0 }
  forAll(
    parameters,
    [fc.array(packet, { maxLength: 8 }), fc.integer({ min: 1, max: 300 })],
    (packets, size) => {
      const to = new Uint8Array(20_000)
      let at = writeSection(to, 0, { os: 'Linux', userAppl: 'vnet' })
      for (const linkType of [1, 101, 276]) {
        at = writeInterface(to, at, { linkType, name: 'sn%d' })
      }
      at = writeTlsKeyLog(to, at, Uint8Array.of(1, 2, 3))
      for (const one of packets) {
        at = writePacket(to, at, one)
      }
      at = writeStatistics(to, at, { interfaceIndex: 0, start: end, end, received: 1 })
      const expected = packets.map(one => ({
        ...read(one, [1, 101, 276][one.interfaceIndex] ?? 0),
        interfaceName: 'sn%d',
      }))
      expect(readAll(to.subarray(0, at), size)).toEqual({ packets: expected })
    },
  )
})
