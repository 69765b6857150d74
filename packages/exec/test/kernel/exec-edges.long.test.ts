/**
 * Edge cases of `vnet exec`: the origin and the memory of a call, processes that stop in the
 * middle, the terminal, inherited descriptors.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Child, outcome } from '#support/netns.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { spawnVnet } from '#support/vnet-process.ts'
import { type StandIn, standIn } from '../support/stand-in-driver.ts'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const EXEC = [process.execPath, path('../../../../dist/vnet.js'), 'exec', '--']

const directory = fileDirectory()
let client: string
const { netns } = freshQuietNamespaces('netns')
let driver: StandIn

beforeAll(() => {
  // An ordinary user runs it, too.
  execFileSync('chmod', ['755', directory])
  client = join(directory, 'client')
  execFileSync('gcc', ['-O1', '-o', client, path('../support/client.c'), '-lpthread'])
})
beforeEach(() => {
  driver = standIn({ name: 'vnet0', netns: netns.name })
})
afterEach(() => driver[Symbol.dispose]())

/** Runs `vnet exec WORDS`, which must write no error, and returns its output. */
async function outputOf(...words: string[]): Promise<string> {
  const { stdout, stderr } = await outcome(netns.spawn([...EXEC, ...words]))
  expect(stderr).toBe('')
  return stdout.trim()
}

/** Replaces the stand-in with `vnet snull`. */
async function snull() {
  driver[Symbol.dispose]()
  return await spawnVnet(['snull', '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
}

/** Returns the next line that the child writes. */
function line(child: Child): Promise<string> {
  return new Promise(resolve => child.stdout.once('data', text => resolve(String(text).trim())))
}

test('a call reaches the driver from any process and descriptor, until its socket is in another namespace', async () => {
  expect((await outputOf(client, 'ways', 'vnet0')).split('\n')).toEqual([
    'closed ok',
    'high ok',
    'vfork ok',
    'clone ok',
    'chroot ok',
    'unshared ok',
    'elsewhere ENODEV',
  ])
})

test('data at the edge of mapped memory is read and written to its last byte; unmapped memory is EFAULT', async () => {
  await snull()
  const borders = [
    'last ok',
    'over ok',
    'behind EFAULT',
    'data last ok',
    'data behind EFAULT',
    'data read only ok',
  ]
  expect((await outputOf(client, 'borders', 'sn0')).split('\n')).toEqual(borders)
})

test('each of a thousand threads gets its own results', async () => {
  expect(await outputOf(client, 'threads', 'vnet0', '3e8', '5')).toBe('5000')
})

test('a program that executes another one while a thread waits gets the results of its own calls', async () => {
  expect(await outputOf(client, 'replaced', 'vnet0')).toBe('7 ok data=0 mtu=4242')
})

test('a program that is stopped during a call has its result when it continues', async () => {
  const child = netns.spawn([
    ...EXEC,
    'sh',
    '-c',
    `echo $$; read line; exec ${client} ioctl vnet0 89f4`,
  ])
  const end = outcome(child)
  const pid = Number(await line(child))
  child.stdin.write('\n')
  const release = await driver.held
  process.kill(pid, 'SIGSTOP')
  release()
  // The process stops after it has received the result.
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]).toBe('T')
  process.kill(pid, 'SIGCONT')
  expect(await end).toMatchObject({ status: 0, stdout: `${pid}\n7 ok data=0 mtu=4242\n` })
})

test('a signal does not interrupt a call that a driver handles, and is delivered after it', async () => {
  // Started before: a call is not held for longer than five seconds.
  const other = netns.spawn([
    ...EXEC,
    'sh',
    '-c',
    `echo ready; read line; exec ${client} ioctl vnet0 89f2`,
  ])
  const otherEnd = outcome(other)
  await line(other)
  const child = netns.spawn([...EXEC, client, 'interrupted', 'vnet0'])
  const end = outcome(child)
  const pid = Number(await line(child))
  const release = await driver.held
  process.kill(pid, 'SIGALRM')
  // Gives the signal time to interrupt. A call of another process does not wait for the held one.
  other.stdin.write('\n')
  expect(await otherEnd).toEqual({ status: 0, stdout: 'ready\n7 ok data=0 mtu=4242\n', stderr: '' })
  release()
  expect(await end).toMatchObject({ status: 0, stdout: `${pid}\n7 ok signals=1\n` })
})

test('a call to a stopped driver is ETIMEDOUT, and the driver does not change the memory later', async () => {
  const vnet = await snull()
  const child = netns.spawn([...EXEC, client, 'late', 'sn0'])
  expect(await line(child)).toBe('0')
  process.kill(vnet.pid, 'SIGSTOP')
  // Changes the directory, as the start or the end of another vnet does.
  rmSync(mkdtempSync('/run/vnet/changed-'), { recursive: true })
  try {
    child.stdin.write('\n')
    expect(await line(child)).toBe('-1 ETIMEDOUT')
  } finally {
    process.kill(vnet.pid, 'SIGCONT')
  }
  const next = line(child)
  child.stdin.write('\n')
  expect(await next).toBe('0 untouched')
})

test('a program that dropped root’s rights may read, and gets EPERM for changes', async () => {
  await snull()
  const lowered = [
    'setpriv',
    `--reuid=${NOBODY}`,
    `--regid=${NOBODY}`,
    '--clear-groups',
    client,
    'ioctl',
    'sn0',
  ]
  expect(await outputOf(...lowered, '89f1')).toBe('0 ok data=0 mtu=0')
  expect(await outputOf(...lowered, '89f0')).toBe('-1 EPERM data=0 mtu=0')
})

test('an ordinary user’s program cannot gain rights, root’s can', async () => {
  const words = [...EXEC, 'grep', 'NoNewPrivs', '/proc/self/status']
  expect(await outcome(netns.spawn([...asNobodyIn(netns).slice(4), ...words]))).toMatchObject({
    stdout: 'NoNewPrivs:\t1\n',
  })
  expect(await outputOf(...words.slice(EXEC.length))).toBe('NoNewPrivs:\t0')
})

test('the program controls its terminal as without vnet exec: Ctrl-C, Ctrl-Z, fg, size and settings', async () => {
  const terminal = ['python3', path('../support/terminal.py')]
  const seen = [
    'descriptors []',
    'ready',
    'interrupted',
    'stopped 20',
    'continued',
    'size 40 100',
    'status 5 echo False',
    'asleep',
    'signal 2 echo True',
    '',
  ]
  for (const words of [['env'], EXEC]) {
    const { status, stdout } = await outcome(netns.spawn([...terminal, ...words]))
    expect([status, ...stdout.split('\n')]).toEqual([0, ...seen])
  }
})

test('the program inherits the descriptors of vnet exec, and none of Node’s', async () => {
  const file = join(directory, 'given')
  writeFileSync(file, 'hallo\n')
  const list =
    "import os; print([fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')])"
  const words = [...EXEC, 'python3', '-c', `"${list}"`].join(' ')
  const given = `exec 3<${file} 4>&1 7<${file} 20<${file} 63<${file}`
  const bare = `python3 -c "${list}"`
  const { stdout } = await outcome(
    netns.spawn(['bash', '-c', `${given}; ${bare}; ${words}; ${words} | cat`]),
  )
  expect(stdout.trim().split('\n')).toEqual(Array(3).fill('[3, 4, 7, 20, 63]'))
})
