/**
 * CaptureReader: reads packets from the bytes of a pcap or pcapng file as they arrive, and
 * recognizes the format.
 *
 *     const reader = new CaptureReader('a.pcapng')
 *     const drain = () => {
 *       for (let record = reader.next(); record !== undefined; record = reader.next()) use(record)
 *     }
 *     for await (const chunk of createReadStream('a.pcapng')) {
 *       reader.push(chunk)
 *       drain()
 *     }
 *     reader.end()
 *     drain()
 */
import { NSEC_PER_SEC } from '../base/clock.ts'
import { Input, MAX_BLOCK } from './input.ts'
import { SECTION_HEADER } from './pcapng.ts'
import { PcapngReader } from './pcapng-reader.ts'
import { CaptureRecord } from './record.ts'

/** Magic numbers by the unit of the timestamps. */
const MICROSECONDS_MAGIC = 0xa1b2c3d4
const NANOSECONDS_MAGIC = 0xa1b23c4d
/** Programs that write the contents of compressed files, by the first bytes of these. */
const COMPRESSED: ReadonlyMap<string, string> = new Map([
  ['1f8b', 'zcat'],
  ['1f9d', 'zcat'],
  ['28b52ffd', 'zstdcat'],
  ['04224d18', 'lz4cat'],
  ['425a68', 'bzcat'],
  ['fd377a58', 'xzcat'],
  ['5d0000', 'xzcat'],
  ['504b0304', 'unzip -p'],
])
/** Formats that editcap reads, by the first bytes of their files. */
const FOREIGN: ReadonlyMap<string, string> = new Map([
  ['34cdb2a1', 'modified pcap'],
  ['a1b2cd34', 'modified pcap'],
  ['736e6f6f', 'snoop'],
  ['52545353', 'Network Monitor'],
  ['474d4255', 'Network Monitor'],
  ['54525343', 'Sniffer'],
  ['54525349', 'Sniffer'],
  ['58435000', 'Sniffer'],
])
const CONVERT = '`editcap -F pcapng IN OUT` converts it'
const FILE_HEADER = 24
/** The bit P of the link-layer type. */
const HAS_FCS_LENGTH = 0x0400_0000
const RECORD_HEADER = 16

/** Returns whether `magic`, the first four bytes of a file, marks a pcap file of its byte order. */
const isPcap = (magic: number): boolean =>
  magic === MICROSECONDS_MAGIC || magic === NANOSECONDS_MAGIC

class PcapReader {
  readonly #input: Input
  readonly #little: boolean
  readonly #nanosecondsPerUnit: number
  readonly #linkType: number
  /** Bytes of the frame check sequence, which each frame of the file has. */
  readonly #fcsLength: number

  /** Reads the file header, which must be in the input completely. */
  constructor(input: Input, little: boolean) {
    const { view, at } = input
    this.#input = input
    this.#little = little
    this.#nanosecondsPerUnit = view.getUint32(at, little) === NANOSECONDS_MAGIC ? 1 : 1000
    const [major, minor] = [view.getUint16(at + 4, little), view.getUint16(at + 6, little)]
    if (major !== 2 || minor !== 4) {
      throw input.unknown(`pcap version ${major}.${minor} is not supported, 2.4 is: ${CONVERT}`)
    }
    const link = view.getUint32(at + 20, little)
    this.#linkType = link & 0xffff
    // In units of two bytes, if the bit P says so.
    this.#fcsLength = (link & HAS_FCS_LENGTH) === 0 ? 0 : fcsBytes(link >>> 28)
    input.at += FILE_HEADER
  }

  read(record: CaptureRecord): boolean {
    const input = this.#input
    if (!input.has(RECORD_HEADER, 'a record header')) return false
    const { view, at } = input
    const little = this.#little
    const length = view.getUint32(at + 8, little)
    if (length > MAX_BLOCK) {
      throw input.broken(`a packet of ${length} bytes, more than ${MAX_BLOCK}`)
    }
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
    record.cutFcs(this.#fcsLength)
    input.at = at + RECORD_HEADER + length
    return true
  }
}

/**
 * A reader of pcapng or classic pcap, which it recognizes by the first bytes. It opens no file:
 * push() the bytes as they arrive, take packets by next() until it returns undefined, and call
 * end() after the last byte.
 */
export class CaptureReader {
  readonly #input: Input
  readonly #record = new CaptureRecord()
  #format: PcapReader | PcapngReader | undefined

  /** `file`: the name of the file, with which errors start. */
  constructor(file: string) {
    this.#input = new Input(file)
  }

  /**
   * Copies the next bytes of the file, any number of them. If it is called only after next()
   * returned undefined, the buffer remains below twice the longest block, at most 16 MiB, plus a
   * chunk.
   */
  push(chunk: Uint8Array): void {
    this.#input.push(chunk)
  }

  /**
   * Marks the end of the bytes: next() then throws a CaptureError if the file ends within a packet.
   */
  end(): void {
    this.#input.end()
  }

  /**
   * Returns the next packet, always in the same record. Returns undefined if more bytes are needed,
   * or after end() at the end of the packets. Throws a CaptureError once all whole packets before
   * the first defect have been returned, and from then on.
   */
  next(): CaptureRecord | undefined {
    this.#format ??= this.#detect()
    // Broken data is never consumed, so the next call throws again.
    return this.#format?.read(this.#record) ? this.#record : undefined
  }

  #detect(): PcapReader | PcapngReader | undefined {
    const input = this.#input
    if (input.isAtEnd) throw input.unknown('empty, not a pcap or pcapng file')
    if (!input.has(4, 'a magic number')) return undefined
    const magic = input.view.getUint32(0, true)
    if (magic === SECTION_HEADER) return new PcapngReader(input)
    const little = isPcap(magic)
    if (little || isPcap(input.view.getUint32(0, false))) {
      return input.has(FILE_HEADER, 'a file header') ? new PcapReader(input, little) : undefined
    }
    const begin = input.view.getUint32(0, false).toString(16).padStart(8, '0')
    const unknown = `neither pcap nor pcapng: it begins with the bytes ${begin}`
    throw input.unknown(hintOf(begin) ?? `${unknown}; if Wireshark reads it, ${CONVERT}`)
  }
}

/** Returns what to do with a file of another format, by its first bytes. */
function hintOf(begin: string): string | undefined {
  const [, program] = [...COMPRESSED].find(([bytes]) => begin.startsWith(bytes)) ?? []
  if (program !== undefined) return `it is compressed: use the output of ${program}`
  const format = FOREIGN.get(begin)
  return format === undefined ? undefined : `it is a ${format} file: ${CONVERT}`
}

/** The field is in units of 2 bytes, but some writers put bytes into it. */
const fcsBytes = (field: number): number => (field > 2 ? field : 2 * field)
