/** PcapngWriter: a pcapng file with one interface, as a stream that a program fills with frames. */
import { Readable } from 'node:stream'
import type { Moment } from './packet.ts'
import { OPTION_MAX } from './pcapng.ts'
import {
  type CaptureInterface,
  PACKET_OVERHEAD,
  writeInterface,
  writePacket,
  writeSection,
} from './pcapng-writer.ts'

const NS = 1_000_000_000n
/** A section, and an interface with its texts. */
const HEAD_MAX = 4 * OPTION_MAX

/** Exact to a microsecond. */
const now = () => BigInt(Math.floor((performance.timeOrigin + performance.now()) * 1000)) * 1000n

/** A stream of bytes, for `pipe` or `pipeline`. Frames wait in memory until they are read. */
export class PcapngWriter extends Readable {
  /** Throws a RangeError for a hardware address that is not six bytes. */
  constructor(description: CaptureInterface = {}) {
    super({ read() {} })
    const head = new Uint8Array(HEAD_MAX)
    this.push(head.slice(0, writeInterface(head, writeSection(head, 0), description)))
  }

  /**
   * Adds a copy of the frame of `length` bytes at `at`, as sent or received at `time`, in ns since
   * 1970 or as a Moment. Returns false if the reader lags. Throws a RangeError for a frame
   * outside of `bytes`, or for a time that pcapng cannot hold.
   */
  add(
    bytes: Uint8Array,
    at = 0,
    length = bytes.length - at,
    time: bigint | Moment = now(),
  ): boolean {
    if (!(at >= 0 && length >= 0 && at + length <= bytes.length)) {
      throw new RangeError(`${length} bytes at ${at} of ${bytes.length}`)
    }
    const block = new Uint8Array(PACKET_OVERHEAD + length)
    const moment =
      typeof time === 'bigint'
        ? { seconds: time < 0n ? -1 : Number(time / NS), nanoseconds: Number(time % NS) }
        : time
    const packet = {
      ...moment,
      interfaceIndex: 0,
      bytes,
      at,
      capturedLength: length,
      originalLength: length,
    }
    return this.push(block.subarray(0, writePacket(block, 0, packet)))
  }

  /** Ends the file. */
  end(): void {
    this.push(null)
  }
}
