import { Buffer } from 'node:buffer'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Outbox, putInbox } from '../src/mail.ts'
import { BLOCK, record, writeOutbox } from './support/outbox.ts'

let directory = ''
let path = ''

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-test-mail-'))
  path = join(directory, 'box')
})

afterEach(() => rmSync(directory, { recursive: true }))

const write = (records: Buffer, end?: number, lost?: bigint) =>
  writeOutbox(path, [records], end, lost)

function read(outbox: Outbox): string[] {
  const lines: string[] = []
  outbox.read(({ kind, time, content }, bytes) =>
    lines.push(`${kind} ${time} ${content} ${bytes.length}`),
  )
  return lines
}

test('each record of an outbox is read once, with its time and its bytes', () => {
  write(Buffer.concat([record('o', 5n, 'one'), record('e', 2n ** 60n, '')]))
  const outbox = new Outbox(path)
  expect(read(outbox)).toEqual(['o 5 one 24', `e ${2n ** 60n}  16`])
  expect(read(outbox)).toEqual([])
  outbox.close()
})

test('a record is read when it is complete', () => {
  const both = Buffer.concat([record('o', 1n, 'first'), record('o', 2n, 'second')])
  write(both, 24 + 20)
  const outbox = new Outbox(path)
  expect(read(outbox)).toEqual(['o 1 first 24'])
  write(both)
  expect(read(outbox)).toEqual(['o 2 second 24'])
  outbox.close()
})

test('a record that continues in the next read arrives whole', () => {
  const long = 'x'.repeat(1 << 20)
  write(record('f', 1n, long))
  const outbox = new Outbox(path)
  const lengths: number[] = []
  outbox.read(({ content }) => lengths.push(content.length))
  expect(lengths).toEqual([1 << 20])
  outbox.close()
})

test('a record that is too long is refused before its content is read', () => {
  const head = record('f', 1n, '')
  head.writeUInt32LE((64 << 20) + 1)
  write(head)
  const outbox = new Outbox(path)
  expect(() => read(outbox)).toThrow(new RangeError('a record of 67108865 bytes'))
  outbox.close()
})

test('a record of a kind that init does not write is refused', () => {
  write(record('\0', 1n, 'x'))
  const outbox = new Outbox(path)
  expect(() => read(outbox)).toThrow(new RangeError('a record of an unknown kind'))
  outbox.close()
})

test('a read takes 16 MiB at most, and says that more follows', () => {
  write(Buffer.concat(Array<Buffer>(17).fill(record('o', 1n, 'x'.repeat((1 << 20) - 16)))))
  const outbox = new Outbox(path)
  let count = 0
  const take = () => {
    count += 1
  }
  expect([outbox.read(take), count]).toEqual([true, 16])
  expect([outbox.read(take), count]).toEqual([false, 17])
  outbox.close()
})

test('an outbox that the guest has not opened has no records', () => {
  writeFileSync(path, Buffer.alloc(BLOCK * 2))
  const outbox = new Outbox(path)
  expect(read(outbox)).toEqual([])
  outbox.close()
})

test('what had no space in an outbox is counted', () => {
  write(record('o', 1n, 'a'), undefined, 77n)
  const outbox = new Outbox(path)
  read(outbox)
  expect(outbox.lost).toBe(77)
  outbox.close()
})

test('another reader continues after the records that one has read', () => {
  const old = record('o', 1n, 'old')
  write(old)
  const outbox = new Outbox(path)
  read(outbox)
  const { position } = outbox
  outbox.close()
  write(Buffer.concat([old, record('o', 2n, 'new')]))
  const later = new Outbox(path, position)
  expect(read(later)).toEqual(['o 2 new 24'])
  later.close()
})

test('a message in the inbox follows a block with its length', () => {
  writeFileSync(path, Buffer.alloc(BLOCK * 4))
  putInbox(path, Buffer.from('hello'))
  const written = readFileSync(path)
  expect(written.toString('latin1', 0, 8)).toBe('boxvnet1')
  expect(written.readBigUInt64LE(8)).toBe(5n)
  expect(written.toString('latin1', BLOCK, BLOCK + 5)).toBe('hello')
})

test('a message that is longer than a guest reads is refused', () => {
  expect(() => putInbox(path, new Uint8Array((8 << 20) + 1))).toThrow(
    'a message of 8388609 bytes: at most 8388608',
  )
})
