/** openCapture: reads the packets of a capture file, a megabyte at a time. */
import { closeSync, openSync, readSync } from 'node:fs'
import { CaptureReader } from './reader.ts'
import type { CaptureRecord } from './record.ts'

const CHUNK = 1024 * 1024

/**
 * Opens a pcap or pcapng file of any size, or a pipe. Throws the error of node:fs if that fails.
 *
 *     using file = openCapture('a.pcapng')
 *     for (let record = file.next(); record !== undefined; record = file.next()) use(record)
 */
export function openCapture(path: string): CaptureFile {
  return new CaptureFile(path)
}

export class CaptureFile {
  readonly #reader: CaptureReader
  readonly #chunk = new Uint8Array(CHUNK)
  #fd: number | undefined

  constructor(path: string) {
    this.#reader = new CaptureReader(path)
    this.#fd = openSync(path, 'r')
  }

  /**
   * Returns the next packet, in the record that it always returns, undefined at the end of the
   * file. It reads synchronously. Throws a CaptureError as CaptureReader.next() does, and the error
   * of node:fs if reading fails.
   */
  next(): CaptureRecord | undefined {
    const reader = this.#reader
    for (;;) {
      const record = reader.next()
      if (record !== undefined || this.#fd === undefined) return record
      const length = readSync(this.#fd, this.#chunk)
      if (length > 0) reader.push(this.#chunk.subarray(0, length))
      else {
        reader.end()
        this.close()
      }
    }
  }

  /** Closes the file, which is also closed at its end. May be called again. */
  close(): void {
    if (this.#fd === undefined) return
    closeSync(this.#fd)
    this.#fd = undefined
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
