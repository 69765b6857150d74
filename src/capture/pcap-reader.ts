/** PcapReader: reads classic pcap, with microseconds or nanoseconds, in either byte order. */
import { type Input, MAX_BLOCK } from './input.ts'
import { FILE_HEADER, MICROSECONDS_MAGIC, NANOSECONDS_MAGIC, RECORD_HEADER } from './pcap.ts'
import type { CaptureRecord } from './record.ts'

const NSEC_PER_SEC = 1_000_000_000

/** Returns whether `magic`, the first four bytes of a file, marks a pcap file of its byte order. */
export const isPcap = (magic: number): boolean => magic === MICROSECONDS_MAGIC || magic === NANOSECONDS_MAGIC

export class PcapReader {
  readonly #input: Input
  readonly #little: boolean
  readonly #nanosecondsPerUnit: number
  readonly #linkType: number

  /** Reads the file header, which must be in the input completely. */
  constructor(input: Input, little: boolean) {
    const { view, at } = input
    this.#input = input
    this.#little = little
    this.#nanosecondsPerUnit = view.getUint32(at, little) === NANOSECONDS_MAGIC ? 1 : 1000
    const [major, minor] = [view.getUint16(at + 4, little), view.getUint16(at + 6, little)]
    if (major !== 2 || minor !== 4) throw input.unknown(`pcap version ${major}.${minor} is not supported, 2.4 is`)
    // The high half may hold the length of the frame check sequence.
    this.#linkType = view.getUint32(at + 20, little) & 0xffff
    input.at += FILE_HEADER
  }

  /** Reads the next packet. Returns false if its bytes are not there yet. */
  read(record: CaptureRecord): boolean {
    const input = this.#input
    if (!input.has(RECORD_HEADER, 'a record header')) return false
    const { view, at } = input
    const little = this.#little
    const length = view.getUint32(at + 8, little)
    if (length > MAX_BLOCK) throw input.broken(`a packet of ${length} bytes, more than ${MAX_BLOCK}`)
    if (!input.has(RECORD_HEADER + length, 'a record')) return false
    record.clearOptions()
    const nanoseconds = view.getUint32(at + 4, little) * this.#nanosecondsPerUnit
    // Some writers leave a whole second or more in the fraction.
    const carry = nanoseconds < NSEC_PER_SEC ? 0 : Math.floor(nanoseconds / NSEC_PER_SEC)
    record.seconds = view.getUint32(at, little) + carry
    record.nanoseconds = nanoseconds - carry * NSEC_PER_SEC
    record.hasTime = true
    record.interfaceIndex = 0
    record.linkType = this.#linkType
    record.bytes = input.bytes
    record.at = at + RECORD_HEADER
    record.capturedLength = length
    record.originalLength = view.getUint32(at + 12, little)
    input.at = record.at + length
    return true
  }
}
