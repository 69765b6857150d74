/** A frame as the page shows it: one line, its headers, its first bytes. */

import { printable } from 'vnet/internal/base/printable'
import { type CapturedFrame, FramePrinter } from 'vnet/internal/capture/frame-text'
import { headersOf } from 'vnet/internal/packet/fields'
import type { FrameRow } from './feed-types.ts'

/** Bytes of a frame that a page gets. */
const SHOWN = 128

export class FrameText {
  readonly #printer = new FramePrinter()

  of(frame: CapturedFrame): Pick<FrameRow, 'length' | 'text' | 'headers' | 'bytes'> {
    const { bytes, at, capturedLength, originalLength: length } = frame
    return {
      length,
      text: printable(this.#printer.print(frame)),
      headers: headersOf(bytes, at, capturedLength),
      bytes: Buffer.from(bytes.buffer, bytes.byteOffset + at, Math.min(capturedLength, SHOWN)).toString('hex'),
    }
  }
}
