/** Files as a guest writes its outbox. */
import { Buffer } from 'node:buffer'
import { writeFileSync } from 'node:fs'

/** The length of the head of an outbox. */
export const BLOCK = 4096

/** As native/guest/mail.cc: length, kind, time, content, and zeros up to a multiple of 8. */
export function record(kind: string, time: bigint, content: string): Buffer {
  const head = Buffer.alloc(16)
  head.writeUInt32LE(content.length)
  head.writeUInt32LE(kind.charCodeAt(0), 4)
  head.writeBigUInt64LE(time, 8)
  return Buffer.concat([head, Buffer.from(content), Buffer.alloc(-content.length & 7)])
}

/** Writes an outbox with `end` complete bytes of records. */
export function writeOutbox(path: string, records: Buffer, end = records.length, lost = 0n): void {
  const head = Buffer.alloc(BLOCK)
  head.write('boxvnet1', 'latin1')
  head.writeBigUInt64LE(BigInt(end), 8)
  head.writeBigUInt64LE(lost, 16)
  writeFileSync(path, Buffer.concat([head, records]))
}
