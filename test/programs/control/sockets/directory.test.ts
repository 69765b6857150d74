/** The files by which running vnets are found, and the directories they are in. */
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { Announcement } from '#src/control/server/presence.ts'
import {
  type Entry,
  ownNamespace,
  readDirectories,
  watchDirectories,
} from '#src/control/sockets/directory.ts'
import { freshDirectory } from '#support/fresh-directory.ts'

const self = process.geteuid?.() ?? 0
const sn0 = { name: 'sn0', ifindex: 7, inode: 4 }
const sn1 = { name: '\udcff', ifindex: 8, netns: 'red', inode: 5 }

const directory = freshDirectory()

let files = 0
const foreign = (entry: Partial<Record<keyof Entry, unknown>>) => {
  const usual = {
    pid: process.pid,
    startTime: '1',
    pidns: ownNamespace('pid'),
    netns: 1,
    interfaces: [],
  }
  const file = join(directory, `1-${(files++).toString(16)}.json`)
  writeFileSync(file, JSON.stringify({ ...usual, ...entry }))
  return file
}
const read = (uid = self) => readDirectories([{ path: directory, uid }])
const announced = () => {
  const made = new Announcement(directory)
  made.write([])
  return made
}

test('an announced vnet is found with its socket and the namespaces of its interfaces, until it is removed', () => {
  const announcement = new Announcement(directory)
  announcement.write([sn0])
  announcement.write([sn0, sn1])
  const [found] = read()
  const who = { pid: process.pid, uid: self, netns: ownNamespace('net') }
  expect(found).toMatchObject({ ...who, vnet: announcement.socket, interfaces: [sn0, sn1] })
  expect(readdirSync(directory)).toHaveLength(1)
  announcement.remove()
  announcement.remove()
  // The last vnet removes the directory of its user.
  expect([read(), readdirSync(join(directory, '..')).includes(directory)]).toEqual([[], false])
})

test('every user may read the file of a vnet and only its owner may write it, whatever the umask', () => {
  const umask = process.umask(0o077)
  try {
    announced()
  } finally {
    process.umask(umask)
  }
  const [file] = readdirSync(directory)
  expect(statSync(join(directory, file!)).mode & 0o777).toBe(0o644)
})

test('several vnets of one process have different sockets', () => {
  const two = [announced(), announced()]
  expect(new Set(read().map(({ vnet }) => vnet))).toEqual(new Set(two.map(({ socket }) => socket)))
  two[0]!.remove()
  expect(read().map(({ vnet }) => vnet)).toEqual([two[1]!.socket])
})

test('files of an ended process are removed and not found, even if its pid is reused', async () => {
  const { socket } = announced()
  const child = spawn('true')
  await once(child, 'exit')
  writeFileSync(foreign({ pid: child.pid }).replace('.json', '.sock'), '')
  foreign({ pid: process.pid, startTime: '1' })
  expect(read().map(({ vnet }) => vnet)).toEqual([socket])
  expect(readdirSync(directory)).toHaveLength(1)
})

test('a hidden process counts as running if sending it a signal is EPERM', () => {
  const { socket } = announced()
  // Larger than any pid.
  foreign({ pid: 2 ** 22 + 1 })
  const kill = vi.spyOn(process, 'kill').mockImplementation(() => {
    throw Object.assign(new Error(), { code: 'EPERM' })
  })
  expect(read()).toHaveLength(2)
  kill.mockRestore()
  expect(read().map(({ vnet }) => vnet)).toEqual([socket])
})

test('a change in a watched directory is reported until the watch ends', async () => {
  using _ = watchDirectories(
    () => expect.unreachable(),
    [{ path: join(directory, 'nowhere'), uid: 0 }],
  )
  const announcement = announced()
  const changes: number[] = []
  let told = () => {}
  const onChange = () => {
    changes.push(read().length)
    told()
  }
  const watching = watchDirectories(onChange, [{ path: directory, uid: self }])
  const until = async (count: number) => {
    while (changes.at(-1) !== count) {
      await new Promise<void>(resolve => {
        told = resolve
      })
    }
  }
  announced()
  await until(2)
  announcement.remove()
  await until(1)
  watching[Symbol.dispose]()
})

test('a vnet of another pid namespace is found without a check of its pid', () => {
  announced()
  foreign({ pidns: 1 })
  expect(read()).toHaveLength(2)
})

test('malformed files are skipped and kept, and a missing directory holds no vnet', () => {
  expect(readDirectories([{ path: join(directory, 'nowhere'), uid: self }])).toEqual([])
  const { socket } = announced()
  const junk = {
    '1-a1.json': '{',
    '1-b1.json': '[]',
    '1-c1.json': 'null',
    'd.txt': '{}',
    '1-e1.json': '{"pid":1}',
  }
  for (const [name, text] of Object.entries(junk)) {
    writeFileSync(join(directory, name), text)
  }
  const interfaces = [
    1,
    'sn0',
    {},
    { ...sn0, ifindex: 0 },
    { ...sn0, name: 'x'.repeat(16) },
    { ...sn0, netns: 1 },
  ]
  for (const each of interfaces) {
    foreign({ interfaces: [each] })
  }
  foreign({ pid: -1 })
  foreign({ interfaces: 'sn0' })
  expect(read().map(({ vnet }) => vnet)).toEqual([socket])
  expect(readdirSync(directory)).toHaveLength(14)
})

test('a link, a FIFO, a directory, a file of another user or of a megabyte is not read', () => {
  const entry = foreign({ pidns: 1 })
  expect([read().length, read(self + 1).length]).toEqual([1, 0])
  symlinkSync(entry, join(directory, '1-aa.json'))
  mkdirSync(join(directory, '1-bb.json'))
  expect(spawnSync('mkfifo', [join(directory, '1-cc.json')]).status).toBe(0)
  foreign({ pidns: 1, startTime: 'x'.repeat(1 << 20) })
  expect(read()).toHaveLength(1)
})
