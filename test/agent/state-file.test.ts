/** The file that keeps attachments, users' changes and mistakes. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AttachRequest } from '#src/agent/attach-request.ts'
import { type Kept, readState, writeState } from '#src/agent/state-file.ts'
import { keyOf, UserChanges } from '#src/agent/user-changes.ts'
import { Log } from '#src/base/index.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const directory = freshDirectory()
const lines: string[] = []
const log = new Log(7, (_level, line) => void lines.push(line))

const place = { inode: 1, cookie: 2, ifindex: 3 }
const request: AttachRequest = { name: 'eth0', owner: 'docker a eth0' }
const since = { counted: { in: 1, out: 2 }, bypassed: { in: 3, out: 4 } }
const mistake = { who: 'container web', why: 'no wire', lasts: true } as const

function fileOf(kept: readonly unknown[]): string {
  const file = join(directory, 'state')
  const change = { detached: true } as const
  const remembered = [{ owner: 'docker b eth0', change }]
  writeState(file, { kept: kept as Kept[], remembered, noted: [{ owner: 'a', mistake }] })
  return file
}

test('the file returns attachments, changes and mistakes', () => {
  const kept = [
    { ...place, request, since },
    { ...place, request },
  ]
  expect(readState(fileOf(kept), log)).toEqual({
    kept,
    remembered: [{ owner: 'docker b eth0', change: { detached: true } }],
    noted: [{ owner: 'a', mistake }],
  })
})

test.each([
  ['has no place', { request }],
  ['has no name', { ...place, request: {} }],
  ['has no counts', { ...place, request, since: null }],
  ['lacks a count', { ...place, request, since: { ...since, bypassed: { in: 3 } } }],
  ['has half a count', { ...place, request, since: { ...since, counted: { in: 0.5, out: 1 } } }],
])('an attachment that %s is left out', (_, entry) => {
  expect(readState(fileOf([entry]), log).kept).toEqual([])
})

test('a file that cannot be read is logged, and one that does not exist is not', () => {
  lines.length = 0
  const nothing = { kept: [], remembered: [], noted: [] }
  expect(readState(directory, log)).toEqual(nothing)
  expect(readState(join(directory, 'none'), log)).toEqual(nothing)
  expect(lines).toEqual([`${directory}: it cannot be read: starting without it`])
})

test('changes go with the attachment of their owner, and remain without one', () => {
  const changes = new UserChanges()
  changes.set('docker a eth0', { cut: true })
  changes.set('docker b eth0', { cut: true })
  const byHand: AttachRequest = { name: 'eth1' }
  changes.set(keyOf(byHand, place), { cut: true })
  const kept = { ...place, request }
  expect(changes.withAttachments([kept])).toEqual({
    kept: [{ ...kept, change: { cut: true } }],
    // The change of a place without an owner ends with its attachment.
    remembered: [{ owner: 'docker b eth0', change: { cut: true } }],
  })
  changes.set('docker b eth0', { cut: undefined })
  expect(changes.forget(owner => owner === 'docker b eth0')).toBe(false)
  expect(changes.forget(() => true)).toBe(true)
  expect(changes.of(keyOf(byHand, place))).toEqual({ cut: true })
})
