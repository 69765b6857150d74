/** Files as a guest writes its outbox. */
import { Buffer } from 'node:buffer'
import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { testDirectory } from '#support/fresh-directory.ts'

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

/** Writes an outbox with `end` complete bytes of records, without a copy of them. */
export function writeOutbox(
  path: string,
  records: readonly Buffer[],
  end = records.reduce((sum, { length }) => sum + length, 0),
  lost = 0n,
): void {
  const head = Buffer.alloc(BLOCK)
  head.write('boxvnet1', 'latin1')
  head.writeBigUInt64LE(BigInt(end), 8)
  head.writeBigUInt64LE(lost, 16)
  writeFileSync(path, head)
  for (const each of records) {
    appendFileSync(path, each)
  }
}

/** Writes the outboxes of two runs, which exist until the end of the test. Returns their paths. */
export function outboxes(one: readonly Buffer[], other: readonly Buffer[]): [string, string] {
  const directory = testDirectory()
  const paths: [string, string] = [join(directory, 'one'), join(directory, 'other')]
  writeOutbox(paths[0], one)
  writeOutbox(paths[1], other)
  return paths
}
