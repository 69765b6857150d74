/** The files by which running vnets are found: whole, readable by everybody, gone with their process. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Announcement, type Entry, ownNamespace, readDirectory, watchDirectory } from '../../src/control/directory.ts'

let root: string
let directory: string
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'vnet-directory-'))
  directory = join(root, 'vnet')
})
afterEach(() => rmSync(root, { recursive: true }))

const foreign = (entry: Partial<Record<keyof Entry, unknown>>) => {
  const usual = { pid: process.pid, startTime: '1', pidns: ownNamespace('pid'), netns: 1, port: 1, interfaces: [] }
  writeFileSync(join(directory, `${Math.random()}.json`), JSON.stringify({ ...usual, ...entry }))
}

test('what is announced is found, with the namespace it is in, until it is removed', () => {
  const announcement = new Announcement(42, directory)
  announcement.write(['sn0'])
  announcement.write(['sn0', 'sn1'])
  const [found] = readDirectory(directory)
  expect(found).toMatchObject({ pid: process.pid, port: 42, netns: ownNamespace('net'), interfaces: ['sn0', 'sn1'] })
  expect(readdirSync(directory)).toHaveLength(1)
  announcement.remove()
  announcement.remove()
  expect(readdirSync(directory)).toEqual([])
})

test('everybody may read it, and only its owner write it, whatever the umask', () => {
  const umask = process.umask(0o077)
  try {
    new Announcement(42, directory).write([])
  } finally {
    process.umask(umask)
  }
  const [file] = readdirSync(directory)
  expect(statSync(directory).mode & 0o777).toBe(0o755)
  expect(statSync(join(directory, file!)).mode & 0o777).toBe(0o644)
})

test('several of one process are told apart', () => {
  const two = [new Announcement(1, directory), new Announcement(2, directory)]
  for (const each of two) each.write([])
  expect(
    readDirectory(directory)
      .map(({ port }) => port)
      .sort(),
  ).toEqual([1, 2])
  two[0]!.remove()
  expect(readDirectory(directory).map(({ port }) => port)).toEqual([2])
})

test('the file of a process that is gone, or whose number is another’s now, is not found, and removed', async () => {
  new Announcement(42, directory).write([])
  const child = spawn('true')
  await once(child, 'exit')
  foreign({ pid: child.pid })
  foreign({ pid: process.pid, startTime: '1' })
  expect(readDirectory(directory).map(({ port }) => port)).toEqual([42])
  expect(readdirSync(directory)).toHaveLength(1)
})

test('a process that is hidden from us runs, as long as a signal could not be sent to it for want of rights', () => {
  new Announcement(42, directory).write([])
  // More than any process has.
  foreign({ pid: 2 ** 22 + 1, port: 43 })
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error(), { code: 'EPERM' })
  })
  expect(
    readDirectory(directory)
      .map(({ port }) => port)
      .sort(),
  ).toEqual([42, 43])
  kill.mockRestore()
  expect(readDirectory(directory).map(({ port }) => port)).toEqual([42])
})

test('a change in the directory is told, and none after the end', async () => {
  using _ = watchDirectory(() => expect.unreachable(), join(root, 'nowhere'))
  const announcement = new Announcement(42, directory)
  announcement.write([])
  const changes: number[] = []
  let told = () => {}
  const watching = watchDirectory(() => {
    changes.push(readDirectory(directory).length)
    told()
  }, directory)
  const until = async (count: number) => {
    while (changes.at(-1) !== count) {
      await new Promise<void>(resolve => {
        told = resolve
      })
    }
  }
  new Announcement(43, directory).write([])
  await until(2)
  announcement.remove()
  await until(1)
  watching[Symbol.dispose]()
})

test('process numbers of another namespace are not judged', () => {
  new Announcement(42, directory).write([])
  foreign({ port: 43, pidns: 1 })
  expect(
    readDirectory(directory)
      .map(({ port }) => port)
      .sort(),
  ).toEqual([42, 43])
})

test('what is no such file is passed over and left, and no directory is no vnet', () => {
  expect(readDirectory(directory)).toEqual([])
  const announcement = new Announcement(42, directory)
  announcement.write([])
  const junk = { 'a.json': '{', 'b.json': '[]', 'c.json': 'null', 'd.txt': '{}', 'e.json': '{"pid":1}' }
  for (const [name, text] of Object.entries(junk)) writeFileSync(join(directory, name), text)
  foreign({ port: -1 })
  foreign({ interfaces: [1] })
  expect(readDirectory(directory).map(({ port }) => port)).toEqual([42])
  expect(readdirSync(directory)).toHaveLength(8)
})
