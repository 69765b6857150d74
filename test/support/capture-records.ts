/** Whole captures: written by hand or with the program's writer, and read with its reader. */
import { readFileSync } from 'node:fs'
import type { CapturedPacket } from '#src/capture/packet.ts'
import {
  type CaptureInterface,
  writeInterface,
  writePacket,
  writeSection,
} from '#src/capture/pcapng-writer.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import type { CaptureRecord } from '#src/capture/record.ts'
import { LITTLE } from './capture-bytes.ts'

/** Reads a whole capture, by its path or its bytes. A record is valid until the next one. */
export function* recordsIn(file: string | Uint8Array): Generator<CaptureRecord> {
  const reader = new CaptureReader(typeof file === 'string' ? file : 'capture')
  reader.push(typeof file === 'string' ? readFileSync(file) : file)
  reader.end()
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    yield record
  }
}

/** Returns a frame as a packet that was captured whole. */
export function whole(bytes: Uint8Array, more: Partial<CapturedPacket> = {}): CapturedPacket {
  const length = { at: 0, capturedLength: bytes.length, originalLength: bytes.length }
  return { seconds: 1_700_000_000, nanoseconds: 0, interfaceIndex: 0, bytes, ...length, ...more }
}

/** The magic number of pcap files with nanoseconds. */
const NANOSECONDS = 0xa1b23c4d

/** Returns the pcap file of these packets, without their options. */
export function pcapOf(packets: readonly CapturedPacket[], linkType = 1): Uint8Array {
  const records = packets.flatMap(
    ({ seconds, nanoseconds, capturedLength, originalLength, bytes, at }) => [
      Uint8Array.from([seconds, nanoseconds, capturedLength, originalLength].flatMap(LITTLE.u32)),
      bytes.subarray(at, at + capturedLength),
    ],
  )
  return Uint8Array.from(
    Buffer.concat([Uint8Array.from(LITTLE.pcap(NANOSECONDS, linkType)), ...records]),
  )
}

/** Returns the pcapng file of these packets, on these interfaces. */
export function pcapngOf(
  packets: readonly CapturedPacket[],
  interfaces: readonly CaptureInterface[] = [{}],
): Uint8Array {
  const to = new Uint8Array(1 << 22)
  const begin = interfaces.reduce((at, one) => writeInterface(to, at, one), writeSection(to, 0))
  return to.slice(
    0,
    packets.reduce((at, packet) => writePacket(to, at, packet), begin),
  )
}
