/**
 * The memories by which a guest and this process exchange data (native/guest/mail.h). A guest only
 * appends records to its outbox, which is read while it runs. This process writes into the inbox
 * while the guest is stopped. So nothing from outside happens at some instant of the guest.
 */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'

const BLOCK = 4096
const MAGIC = Buffer.from('box' + 'vnet1', 'latin1')
const MESSAGE_MAX = 8 << 20
/** Init sends files in parts; requests of programs are the longest records. */
const RECORD_MAX = 64 << 20
/** Bytes of one read(), which returns in some 20 ms. */
const BATCH = 16 << 20
/** The kinds in native/guest/mail.h. */
const KINDS = 'oemcfglux!'
const READ_LENGTH = 1 << 20
/** Length and kind (4 bytes each), nanoseconds since 1970 in the guest (8 bytes). */
const RECORD_HEADER = 16
/** Mode and length of the path, 4 bytes each. */
const FILE_HEADER = 8

/** A report of a guest: see native/guest/mail.h. */
export interface MailRecord {
  /** `o`: standard output, `e`: standard error, and others. */
  readonly kind: string
  /** Nanoseconds since 1970, in the time of the guest. */
  readonly time: bigint
  /** Valid until the next read. */
  readonly content: Buffer
}

const aligned = (length: number): number => (length + 7) & ~7

/** Reads the records of an outbox in order, each once. */
export class Outbox {
  /** Bytes that had no space in it. */
  lost = 0
  readonly #fd: number
  readonly #head = Buffer.alloc(24)
  #at: number
  /** The read bytes of an incomplete record. */
  #rest = Buffer.alloc(0)

  /** Starts at a position of an earlier Outbox. */
  constructor(path: string, at = 0) {
    this.#fd = openSync(path, 'r+')
    this.#at = at
  }

  get position(): number {
    return this.#at - this.#rest.length
  }

  /**
   * Calls `take` with each new record and its bytes, for BATCH bytes at most. Returns whether there
   * are more. Throws a RangeError for a record that init does not write.
   */
  read(take: (record: MailRecord, bytes: Buffer) => void): boolean {
    const end = this.#readHead()
    const last = this.#at + BATCH
    while (this.#at < end) {
      if (this.#at >= last) return true
      const chunk = Buffer.alloc(Math.min(READ_LENGTH, end - this.#at))
      const count = readSync(this.#fd, chunk, 0, chunk.length, BLOCK + this.#at)
      if (count === 0) return false
      this.#at += count
      this.#rest = Buffer.concat([this.#rest, chunk.subarray(0, count)])
      this.#takeWhole(take)
    }
    return false
  }

  /** The guest, which must be stopped, will write the next record at the beginning. */
  restart(): void {
    writeSync(this.#fd, Buffer.alloc(this.#head.length), 0, this.#head.length, 0)
    this.#at = 0
    this.#rest = Buffer.alloc(0)
  }

  close(): void {
    closeSync(this.#fd)
  }

  /** Returns how many bytes of records are complete. */
  #readHead(): number {
    readSync(this.#fd, this.#head, 0, this.#head.length, 0)
    if (!this.#head.subarray(0, MAGIC.length).equals(MAGIC)) return 0
    this.lost = Number(this.#head.readBigUInt64LE(16))
    return Number(this.#head.readBigUInt64LE(8))
  }

  #takeWhole(take: (record: MailRecord, bytes: Buffer) => void): void {
    let at = 0
    while (this.#rest.length - at >= RECORD_HEADER) {
      const length = this.#rest.readUInt32LE(at)
      if (length > RECORD_MAX) throw new RangeError(`a record of ${length} bytes`)
      const next = at + RECORD_HEADER + aligned(length)
      if (next > this.#rest.length) break
      const kind = String.fromCharCode(this.#rest.readUInt32LE(at + 4) & 0x7f)
      if (!KINDS.includes(kind)) throw new RangeError('a record of an unknown kind')
      const content = this.#rest.subarray(at + RECORD_HEADER, at + RECORD_HEADER + length)
      take(
        { kind, time: this.#rest.readBigUInt64LE(at + 8), content },
        this.#rest.subarray(at, next),
      )
      at = next
    }
    this.#rest = this.#rest.subarray(at)
  }
}

/** Reads the start of a record of a file, which has the content after `length` bytes. */
export function fileHead(content: Buffer): {
  readonly mode: number
  readonly path: string
  readonly length: number
} {
  const length = FILE_HEADER + content.readUInt32LE(4)
  return {
    mode: content.readUInt32LE(0),
    path: content.toString('utf8', FILE_HEADER, length),
    length,
  }
}

/** Puts a message into the inbox of a stopped guest. Throws a RangeError beyond 8 MiB. */
export function putInbox(path: string, message: Uint8Array): void {
  if (message.length > MESSAGE_MAX) {
    throw new RangeError(`a message of ${message.length} bytes: at most ${MESSAGE_MAX}`)
  }
  const head = Buffer.alloc(BLOCK)
  MAGIC.copy(head)
  head.writeBigUInt64LE(BigInt(message.length), MAGIC.length)
  const fd = openSync(path, 'r+')
  try {
    writeSync(fd, Buffer.concat([head, message]), 0, BLOCK + message.length, 0)
  } finally {
    closeSync(fd)
  }
}

const NS_PER_S = 1e9
/** Characters of a text around its first difference. */
const SHOWN = 60

/** The subjects of records, by their kind. */
const NAMES: Readonly<Record<string, string>> = {
  o: 'standard output',
  e: 'standard error',
  f: 'file',
  g: 'file',
  l: 'symbolic link',
  u: 'CPU time of',
  x: 'end of the command',
  c: 'stop',
}

/** Returns a line about the first difference of two outboxes, undefined if they are the same. */
export function firstDifference(one: string, other: string): string | undefined {
  const [ours, theirs] = [recordsOf(one), recordsOf(other)]
  let file = ''
  for (let i = 0; ; i++) {
    const [a, b] = [ours[i], theirs[i]]
    if (a === undefined && b === undefined) return undefined
    if (a?.kind === 'f') {
      file = fileHead(a.content).path
    }
    if (a === undefined || b === undefined || a.kind !== b.kind) {
      const [first, second] = [a, b].map(each =>
        each === undefined ? 'nothing' : nameOf(each, file),
      )
      return `${timeText(a ?? b, ours[0])}: ${first} in one run, ${second} in the other`
    }
    if (!a.content.equals(b.content)) {
      return `${timeText(a, ours[0])}: ${contentDifference(a, b, file)}`
    }
    if (a.time !== b.time) {
      return `${timeText(a, ours[0])}: ${nameOf(a, file)} is the same, ${b.time - a.time} ns later in the other run`
    }
  }
}

function recordsOf(path: string): MailRecord[] {
  const records: MailRecord[] = []
  const outbox = new Outbox(path)
  while (outbox.read(record => records.push(record))) {}
  outbox.close()
  return records
}

function timeText(record: MailRecord | undefined, first: MailRecord | undefined): string {
  const ns = Number((record?.time ?? 0n) - (first?.time ?? 0n))
  return `${(ns / NS_PER_S).toFixed(6)} s after the first output`
}

function nameOf({ kind, content }: MailRecord, file: string): string {
  const what = NAMES[kind] ?? kind
  if (kind === 'f' || kind === 'g') return `${what} ${file}`
  if (kind === 'u') return `${what} ${content.toString('utf8', 8)}`
  return kind === 'l' ? `${what} ${content.toString().split('\0', 1)}` : what
}

function contentDifference(a: MailRecord, b: MailRecord, file: string): string {
  const index = a.content.findIndex((byte, i) => byte !== b.content[i])
  const first = index === -1 ? a.content.length : index
  if (a.kind !== 'o' && a.kind !== 'e') return `${nameOf(a, file)} differs at byte ${first}`
  const from = a.content.lastIndexOf('\n', first - 1) + 1
  const [ours, theirs] = [a, b].map(({ content }) =>
    JSON.stringify(content.toString('utf8', from, from + SHOWN)),
  )
  return `${nameOf(a, file)} is ${ours} in one run, ${theirs} in the other`
}
