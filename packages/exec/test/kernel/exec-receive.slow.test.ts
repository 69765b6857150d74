/**
 * Receives on the generic netlink socket of a program under `vnet exec`: each call, each flag,
 * waiting and interruption.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Child, outcome } from '#support/netns.ts'
import { type Running, spawnVnet } from '#support/vnet-process.ts'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const EXEC = [process.execPath, path('../../../../dist/vnet.js'), 'exec', '--']

const directory = fileDirectory()
let receive: string
const { netns } = freshQuietNamespaces('netns')
let vnet: Running

beforeAll(() => {
  receive = join(directory, 'receive')
  execFileSync('gcc', ['-O1', '-o', receive, path('../support/receive.c'), '-lpthread'])
})
beforeEach(async () => {
  vnet = await spawnVnet(['loop', '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
})
afterEach(() => vnet.stop())

async function lines(...words: string[]): Promise<string[]> {
  const { stdout, stderr } = await outcome(netns.spawn([...EXEC, receive, ...words]))
  expect(stderr).toBe('')
  return stdout.trim().split('\n')
}

const reply = (what: string, seq: number) => `${what} 36 type=0x3f0 seq=${seq} text=0123456789`

test('every call returns the reply and no placeholder, even a call that precedes the request', async () => {
  const ways = ['read', 'readv', 'preadv2', 'recv', 'recvfrom', 'recvmsg', 'recvmmsg']
  expect(await lines('each')).toEqual(ways.flatMap(way => [reply(way, 7), reply(way, 8)]))
})

test('flags, timeouts and small buffers work as in the kernel', async () => {
  expect(await lines('flags')).toEqual([
    'empty EAGAIN',
    'timeout EAGAIN',
    'nonblocking EAGAIN',
    reply('peek', 1),
    'whole 36 truncated=1',
    'part 10 truncated=1 namelen=0',
    'then EAGAIN',
  ])
})

test('epoll and select report a reply, and a child with the same socket receives it once', async () => {
  expect(await lines('ready')).toEqual(['epoll 1 select 1', reply('child', 1), 'parent EAGAIN'])
})

test('a full queue is ENOBUFS for the sender, and no accepted reply is lost', async () => {
  expect(await lines('full')).toEqual(['full ENOBUFS', '1', reply('again', 9)])
})

/** Waits until a process is in a state of proc(5). */
const reaches = (pid: number, state: string) =>
  expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]).toBe(state)

async function waiting(
  ...words: string[]
): Promise<{ readonly child: Child; readonly pid: number }> {
  const child = netns.spawn([...EXEC, receive, 'signals', ...words])
  const pid = Number(
    await new Promise<string>(resolve => child.stdout.once('data', text => resolve(String(text)))),
  )
  await reaches(pid, 'S')
  return { child, pid }
}

test.each([
  ['one thread', []],
  ['a second thread that takes no signals', ['threads']],
])(
  'with %s, a signal restarts a receive that waits, stops it, or ends it with EINTR',
  async (_, words) => {
    const { child, pid } = await waiting(...words)
    const end = outcome(child)
    process.kill(pid, 'SIGSTOP')
    await reaches(pid, 'T')
    process.kill(pid, 'SIGCONT')
    await reaches(pid, 'S')
    process.kill(pid, 'SIGUSR1')
    await expect
      .poll(() => /^ShdPnd:\s*0+$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8')))
      .toBe(true)
    await reaches(pid, 'S')
    process.kill(pid, 'SIGUSR2')
    expect(await end).toEqual({ status: 0, stdout: `waited EINTR\nsignals 2\n`, stderr: '' })
  },
)

test('a fatal signal immediately ends a waiting program', async () => {
  const { child, pid } = await waiting()
  const ended = new Promise(resolve =>
    child.once('close', (code, signal) => resolve([code, signal])),
  )
  process.kill(pid, 'SIGTERM')
  expect(await ended).toEqual([null, 'SIGTERM'])
})
