import { readFileSync } from 'node:fs'
import { CaptureReader } from '../../src/capture/reader.ts'
import type { CaptureRecord } from '../../src/capture/record.ts'

/** Reads a whole capture, by its path or its bytes. A record is valid until the next one. */
export function* recordsIn(file: string | Uint8Array): Generator<CaptureRecord> {
  const reader = new CaptureReader(typeof file === 'string' ? file : 'capture')
  reader.push(typeof file === 'string' ? readFileSync(file) : file)
  reader.end()
  for (let record = reader.next(); record !== undefined; record = reader.next()) yield record
}
