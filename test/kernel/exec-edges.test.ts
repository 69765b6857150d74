/** `vnet exec` at its edges: where a call comes from, what it points to, who stops in the middle, the terminal, inherited descriptors. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Child, type Netns, OwnNetns, outcome } from '../support/netns.ts'
import { asNobodyIn, NOBODY } from '../support/privileges.ts'
import { type StandIn, standIn } from '../support/stand-in-driver.ts'
import { spawnVnet } from '../support/vnet-process.ts'

const path = (file: string) => fileURLToPath(new URL(file, import.meta.url))
const EXEC = [process.execPath, path('../../dist/vnet.js'), 'exec', '--']

let directory: string
let client: string
let own: OwnNetns
let netns: Netns
let driver: StandIn

beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-exec-'))
  // Nobody runs it, too.
  execFileSync('chmod', ['755', directory])
  client = join(directory, 'client')
  execFileSync('gcc', ['-O1', '-o', client, path('../support/exec/client.c'), '-lpthread'])
})
afterAll(() => rmSync(directory, { recursive: true }))
beforeEach(() => {
  own = new OwnNetns()
  netns = own.addQuiet()
  driver = standIn({ name: 'vnet0', netns: netns.name })
})
afterEach(() => {
  driver[Symbol.dispose]()
  own.remove()
})

/** What `vnet exec WORDS` writes, when all went well. */
async function said(...words: string[]): Promise<string> {
  const { stdout, stderr } = await outcome(netns.spawn([...EXEC, ...words]))
  expect(stderr).toBe('')
  return stdout.trim()
}

/** `vnet snull` in the place of the stand-in. */
async function snull() {
  driver[Symbol.dispose]()
  return await spawnVnet(['snull', '--json'], { within: ['ip', 'netns', 'exec', netns.name] })
}

/** The next line that it writes. */
function line(child: Child): Promise<string> {
  return new Promise(resolve => child.stdout.once('data', text => resolve(String(text).trim())))
}

test('a call is the driver’s whatever process makes it, on whatever descriptor, until its socket is elsewhere', async () => {
  expect((await said(client, 'ways', 'vnet0')).split('\n')).toEqual([
    'closed ok',
    'high ok',
    'vfork ok',
    'clone ok',
    'chroot ok',
    'unshared ok',
    'elsewhere ENODEV',
  ])
})

test('what a call points to is there to its last octet, or EFAULT; memory that may only be read is written', async () => {
  await snull()
  const borders = ['last ok', 'over ok', 'behind EFAULT', 'data last ok', 'data behind EFAULT', 'data read only ok']
  expect((await said(client, 'borders', 'sn0')).split('\n')).toEqual(borders)
})

test('a thousand threads at once get each their own answers', async () => {
  expect(await said(client, 'threads', 'vnet0', '3e8', '5')).toBe('5000')
})

test('a program that executes another while one of its threads waits is that other, and is answered', async () => {
  expect(await said(client, 'replaced', 'vnet0')).toBe('7 ok data=0 mtu=4242')
})

test('a program that is stopped in the middle of a call has its answer when it goes on', async () => {
  const child = netns.spawn([...EXEC, 'sh', '-c', `echo $$; read line; exec ${client} ioctl vnet0 89f4`])
  const end = outcome(child)
  const pid = Number(await line(child))
  child.stdin.write('\n')
  const release = await driver.held
  process.kill(pid, 'SIGSTOP')
  release()
  // Not before it has its answer.
  await expect.poll(() => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.[0]).toBe('T')
  process.kill(pid, 'SIGCONT')
  expect(await end).toMatchObject({ status: 0, stdout: `${pid}\n7 ok data=0 mtu=4242\n` })
})

test('a signal does not interrupt what a driver has begun, and is handled after that', async () => {
  const child = netns.spawn([...EXEC, client, 'interrupted', 'vnet0'])
  const end = outcome(child)
  const pid = Number(await line(child))
  const release = await driver.held
  process.kill(pid, 'SIGALRM')
  // Time enough to be interrupted; and nobody else's call waits for the one that is held.
  expect(await said(client, 'ioctl', 'vnet0', '89f2')).toBe('7 ok data=0 mtu=4242')
  release()
  expect(await end).toMatchObject({ status: 0, stdout: `${pid}\n7 ok signals=1\n` })
})

test('a driver that is stopped is ETIMEDOUT, and does nothing to the memory of the program when it goes on', async () => {
  const vnet = await snull()
  const child = netns.spawn([...EXEC, client, 'late', 'sn0'])
  expect(await line(child)).toBe('0')
  process.kill(vnet.pid, 'SIGSTOP')
  // As another vnet's beginning or end does.
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

test('a program that gave up root’s rights has those of its user: what is read is read, what changes something is EPERM', async () => {
  await snull()
  const lowered = ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', client, 'ioctl', 'sn0']
  expect(await said(...lowered, '89f1')).toBe('0 ok data=0 mtu=0')
  expect(await said(...lowered, '89f0')).toBe('-1 EPERM data=0 mtu=0')
})

test('what an ordinary user runs cannot gain rights, and root’s can', async () => {
  const words = [...EXEC, 'grep', 'NoNewPrivs', '/proc/self/status']
  expect(await outcome(netns.spawn([...asNobodyIn(netns).slice(4), ...words]))).toMatchObject({
    stdout: 'NoNewPrivs:\t1\n',
  })
  expect(await said(...words.slice(EXEC.length))).toBe('NoNewPrivs:\t0')
})

test('a terminal is the program’s: Ctrl-C, Ctrl-Z and fg, its size, and its settings at the end, with and without', async () => {
  const terminal = ['python3', path('../support/exec/terminal.py')]
  const seen = [
    ...['descriptors []', 'ready', 'interrupted', 'stopped 20', 'continued', 'size 40 100', 'status 5 echo False'],
    ...['asleep', 'signal 2 echo True', ''],
  ]
  for (const words of [['env'], EXEC]) {
    const { status, stdout } = await outcome(netns.spawn([...terminal, ...words]))
    expect([status, ...stdout.split('\n')]).toEqual([0, ...seen])
  }
})

test('descriptors that vnet exec was given are the program’s, and none of Node’s', async () => {
  const file = join(directory, 'given')
  writeFileSync(file, 'hallo\n')
  const list = "import os; print([fd for fd in range(3, 64) if os.path.exists(f'/proc/self/fd/{fd}')])"
  const words = [...EXEC, 'python3', '-c', `"${list}"`].join(' ')
  const given = `exec 3<${file} 4>&1 7<${file} 20<${file} 63<${file}`
  const bare = `python3 -c "${list}"`
  const { stdout } = await outcome(netns.spawn(['bash', '-c', `${given}; ${bare}; ${words}; ${words} | cat`]))
  expect(stdout.trim().split('\n')).toEqual(Array(3).fill('[3, 4, 7, 20, 63]'))
})
