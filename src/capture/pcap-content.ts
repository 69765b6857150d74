/**
 * PcapContent: the packets of pcapng streams as a classic pcap file, for tools that read nothing
 * else. The format has no place for interfaces and comments, which are left out. So are records of
 * drops, which would look like frames.
 */
import { type ContentSource, type FileContent, RecordOrder } from './content.ts'
import { CaptureError } from './error.ts'
import { FILE_HEADER, RECORD_HEADER } from './pcap.ts'
import { writePcapHeader, writePcapPacket } from './pcap-writer.ts'
import { CaptureReader } from './reader.ts'
import type { CaptureRecord } from './record.ts'

const CHUNK = 256 * 1024
const NOTHING = new Uint8Array(0)

export class PcapContent implements FileContent {
  readonly hasBegun = true
  readonly order = new RecordOrder()
  frames = 0
  lost = 0

  source(name: string): ContentSource {
    return new PcapSource(this, name)
  }

  head(): Uint8Array {
    const header = new Uint8Array(FILE_HEADER)
    writePcapHeader(header, 0)
    return header
  }

  tail(): Uint8Array {
    return NOTHING
  }

  keys(): undefined {}

  whole(bytes: Uint8Array, length: number): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, length)
    for (let at = 0; ; ) {
      if (at + RECORD_HEADER > length) return at
      const end = at + RECORD_HEADER + view.getUint32(at + 8, true)
      if (end > length) return at
      at = end
    }
  }
}

class PcapSource implements ContentSource {
  readonly #content: PcapContent
  readonly #name: string
  readonly #reader: CaptureReader
  #to = new Uint8Array(CHUNK)
  /** A packet that did not fit. */
  #pending: CaptureRecord | undefined

  constructor(content: PcapContent, name: string) {
    this.#content = content
    this.#name = name
    this.#reader = new CaptureReader(name)
  }

  push(chunk: Uint8Array): void {
    this.#reader.push(chunk)
  }

  take(room: number, atLeastOne: boolean): Uint8Array | undefined {
    let end = 0
    try {
      for (;;) {
        this.#pending ??= this.#next()
        const packet = this.#pending
        if (packet === undefined) return end === 0 ? undefined : this.#to.subarray(0, end)
        const length = end + RECORD_HEADER + packet.capturedLength
        const isTooLong = length > room && !(atLeastOne && end === 0)
        if (isTooLong || (end > 0 && length > this.#to.length)) return this.#to.subarray(0, end)
        if (length > this.#to.length) this.#to = new Uint8Array(length)
        end = this.#write(packet, end)
        this.#content.frames++
        this.#content.order.add(packet.seconds, packet.nanoseconds)
        this.#pending = undefined
      }
    } catch (error) {
      // Data before a broken block is written first: the next call throws again.
      if (end === 0) throw error
      return this.#to.subarray(0, end)
    }
  }

  #write(packet: CaptureRecord, at: number): number {
    try {
      return writePcapPacket(this.#to, at, packet)
    } catch (error) {
      // A time that pcap cannot hold.
      throw new CaptureError(this.#name, error instanceof Error ? error.message : String(error), 0)
    }
  }

  /** Returns the next packet that is not a drop. */
  #next(): CaptureRecord | undefined {
    for (;;) {
      const record = this.#reader.next()
      if (record === undefined) return undefined
      this.#content.lost += record.dropCount ?? 0
      if (record.verdict === undefined) return record
    }
  }
}
