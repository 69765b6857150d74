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
import { Input } from './input.ts'
import { FILE_HEADER } from './pcap.ts'
import { isPcap, PcapReader } from './pcap-reader.ts'
import { SECTION_HEADER } from './pcapng.ts'
import { PcapngReader } from './pcapng-reader.ts'
import { CaptureRecord } from './record.ts'

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

  /** Notes that the file ends here. */
  end(): void {
    this.#input.end()
  }

  /**
   * Returns the next packet, always in the same record. Returns undefined if more bytes are needed,
   * or after end() at the end of the packets. Throws a CaptureError once all whole packets before
   * the first defect were returned, and from then on.
   */
  next(): CaptureRecord | undefined {
    this.#format ??= this.#detect()
    // Broken data is never consumed, so the next call throws again.
    return this.#format?.read(this.#record) ? this.#record : undefined
  }

  /** Returns the reader of the file's format, undefined if its header is not there yet. */
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
    throw input.unknown(`neither pcap nor pcapng: it begins with the bytes ${begin}`)
  }
}
