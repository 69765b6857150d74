import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Writable } from 'node:stream'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runningLabs } from '../../../src/commands/running-labs.ts'
import {
  makeLabDirectory,
  pidNamespaceHasEnded,
  removeAnnouncements,
  removeLeftovers,
} from '../../../src/kernel/leftovers.ts'
import { LabCaptures } from '../../../src/model/captures.ts'
import { useTmpdir } from '../../support/own-tmpdir.ts'

const directory = freshDirectory()
useTmpdir(directory)

const namespace = statSync('/proc/self/ns/pid').ino
/** A process that has ended. */
const { pid: dead } = spawnSync('true')

function make(name: string, mode = 0o700): string {
  const path = join(directory, name)
  mkdirSync(path, { mode })
  chmodSync(path, mode)
  writeFileSync(join(path, 'hosts'), '')
  return path
}

test('the directory of an ended process is removed with its content', () => {
  const path = make(`vnet-lab-${namespace}-${dead}-abc`)
  removeLeftovers()
  expect(existsSync(path)).toBe(false)
})

test('the directory of a lab is removed if its process is a zombie', async () => {
  // A shell may wait for its child: it ends when its parent is another program.
  const script = 'cat <&3 >/dev/null & echo $!; exec sleep 1000 3<&-'
  const parent = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', 'pipe'] })
  try {
    const [line] = await once(parent.stdout!.setEncoding('utf8'), 'data')
    const zombie = Number(line)
    await expect.poll(() => readFileSync(`/proc/${parent.pid}/comm`, 'latin1')).toBe('sleep\n')
    ;(parent.stdio[3] as Writable).end()
    await expect.poll(() => readFileSync(`/proc/${zombie}/stat`, 'latin1')).toContain(') Z ')
    const path = make(`vnet-lab-${namespace}-${zombie}-abc`)
    removeLeftovers()
    expect(existsSync(path)).toBe(false)
  } finally {
    parent.kill('SIGKILL')
    await once(parent, 'exit')
  }
})

test('directories of running processes, of other PID namespaces, of other users and others are left alone', () => {
  const own = makeLabDirectory()
  const outside = make('outside')
  const left = [
    make(`vnet-lab-${namespace}-1-abc`),
    make(`vnet-lab-${namespace + 1}-${dead}-abc`),
    make(`vnet-lab-${namespace}-${dead}-writable`, 0o777),
    make(`vnet-lab-${dead}-abc`),
  ]
  symlinkSync(outside, join(directory, `vnet-lab-${namespace}-${dead}-link`))
  removeLeftovers(() => false)
  for (const path of [own, outside, ...left]) {
    expect(existsSync(path), path).toBe(true)
  }
  expect(existsSync(join(outside, 'hosts'))).toBe(true)
  expect(statSync(own).mode & 0o777).toBe(0o700)
})

test('the directory of a lab of an ended PID namespace is removed', () => {
  const path = make(`vnet-lab-7-${process.pid}-abc`)
  const other = make(`vnet-lab-8-${dead}-abc`)
  removeLeftovers(namespace => namespace === 7)
  expect([existsSync(path), existsSync(other)]).toEqual([false, true])
})

test('labs in an ended PID namespace are not listed, their files are removed, and other files remain', () => {
  const entry = {
    pid: 1,
    startTime: '1',
    netns: 1,
    interfaces: [{ name: 'b', ifindex: 2, inode: 5, netns: 'lab:a' }],
  }
  for (const pidns of [7, 8]) {
    writeFileSync(join(directory, `1-${pidns}.json`), JSON.stringify({ ...entry, pidns }))
    writeFileSync(join(directory, `1-${pidns}.sock`), '')
  }
  const uid = process.geteuid?.() ?? 0
  const labs = runningLabs(undefined, [{ path: directory, uid }], namespace => namespace === 7)
  expect(labs.map(({ vnet }) => vnet)).toEqual([join(directory, '1-8.sock')])
  removeAnnouncements([{ path: directory, uid: uid + 1 }], () => true)
  removeAnnouncements([{ path: directory, uid }], namespace => namespace === 7)
  const left = ['1-7.json', '1-7.sock', '1-8.json', '1-8.sock'].filter(name =>
    existsSync(join(directory, name)),
  )
  expect(left).toEqual(['1-8.json', '1-8.sock'])
})

test('a PID namespace has ended if no process is in it, as far as the initial namespace shows that', () => {
  const proc = join(directory, 'proc')
  for (const pid of ['1', '20', 'net']) {
    mkdirSync(join(proc, pid, 'ns'), { recursive: true })
  }
  symlinkSync('pid:[4026531836]', join(proc, '1/ns/pid'))
  symlinkSync('pid:[7]', join(proc, '20/ns/pid'))
  const hasEnded = (inode: number, own = 0xeffffffc) => pidNamespaceHasEnded(inode, own, proc)
  expect([hasEnded(7), hasEnded(8), hasEnded(8, 9)]).toEqual([false, true, false])
  // The namespace of another user's process is hidden, but not how many numbers it has.
  mkdirSync(join(proc, '30'))
  writeFileSync(join(proc, '30/status'), 'Name:\tx\nNSpid:\t30\n')
  expect(hasEnded(8)).toBe(true)
  writeFileSync(join(proc, '30/status'), 'Name:\tx\nNSpid:\t30\t1\n')
  expect(hasEnded(8)).toBe(false)
})

test('kept captures are moved to their place, with distinct names for captures of one pair', () => {
  const lab = makeLabDirectory()
  const captures = new LabCaptures({ directory: lab }, 'lab')
  const files = [captures.add('a', 'b'), captures.add('a', 'b'), captures.add('a', 'c')]
  writeFileSync(files[0]!, 'one')
  writeFileSync(files[1]!, 'two')
  const kept = captures.keep()
  expect(kept.map(path => path.split('/').at(-1))).toEqual([
    'a-b.pcapng',
    'a-b.2.pcapng',
    'a-c.pcapng',
  ])
  expect(captures.keep()).toEqual(kept)
  captures.move()
  expect(kept.map(path => existsSync(path))).toEqual([true, true, false])
})

test('captures that are not kept remain in the directory of the lab', () => {
  const captures = new LabCaptures({ directory: makeLabDirectory() }, 'lab')
  const file = captures.add('a', 'b')
  writeFileSync(file, '')
  captures.move()
  expect(existsSync(file)).toBe(true)
  expect(new LabCaptures({ directory }, 'lab').keep()).toEqual([])
})
