/** What `vnet conform` says and refuses, on this machine's kernel. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { outcome } from '#support/netns.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { conformControlled, prepare, startControlled } from '../support/controlled.ts'
import { ServedHost } from '../support/served-host.ts'

const HOST = '192.0.2.2'
const HOST6 = '2001:db8::2'

let host: ServedHost
let directory: string

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'vnet-conform-'))
  host = await ServedHost.start()
})

afterAll(() => {
  host?.remove()
  rmSync(directory, { recursive: true })
})

const conformInto = (captures: string, ...args: readonly string[]) =>
  outcome(host.near.spawn([process.execPath, PROGRAM, 'conform', ...args, '--captures', captures]))
const conform = (...args: readonly string[]) => conformInto(directory, ...args)

test('passes segments also if the interface does not join them', async () => {
  host.far.ip('link set veth1 gso_max_segs 1')
  const { status, stdout } = await conform('veth0', '--address', HOST, '--only', 'window-of-peer*')
  host.far.ip('link set veth1 gso_max_segs 65535')
  expect(stdout).toMatch(/^(\d+) of \1 pass, 0 failed \(must\), 0 skipped\n$/)
  expect(status).toBe(0)
})

test('skips IPv6 without an address, and cases that need a program on the host', async () => {
  const { stdout } = await conform(
    'veth0',
    '--address',
    HOST,
    '--only',
    '*closed-port-syn',
    '--json',
  )
  const lines = stdout
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  expect(lines.map(({ event, result }) => result ?? event)).toEqual([
    'skipped',
    'passed',
    'conform',
  ])
  expect(lines.at(-1)).toEqual({
    event: 'conform',
    passed: 1,
    failedMust: 0,
    failedOther: 0,
    skipped: 1,
    notRun: 0,
  })
})

test('exits with 1 if no case runs, and says why', async () => {
  const { status, stdout, stderr } = await conform(
    'veth0',
    '--address',
    HOST,
    '--only',
    '*fragments-timeout',
  )
  expect(stdout).toBe('0 of 0 pass, 0 failed (must), 2 skipped\n')
  expect(stderr).toMatch(
    /^vnet: no case ran: it takes up to two minutes: --slow; it takes a minute: --slow\n$/,
  )
  expect(status).toBe(1)
})

test('fails when it is interrupted, and says after which case', async () => {
  const child = host.near.spawn([
    process.execPath,
    PROGRAM,
    'conform',
    'veth0',
    '--address',
    HOST,
    '--json',
  ])
  child.stdout.once('data', () => child.kill('SIGINT'))
  const { status, stderr } = await outcome(child)
  expect(stderr).toMatch(/^vnet: .*interrupted after \S+: the rest did not run\n$/)
  expect(status).toBe(1)
})

test('a case that should pass does not decide the exit status', async () => {
  const { status, stdout } = await conform(
    'veth0',
    '--address',
    HOST,
    '--only',
    'fragments-overlap',
  )
  expect(stdout).toContain('differs fragments-overlap')
  expect(status).toBe(0)
})

test('reports a case without a capture if the directory cannot be written', async () => {
  const args = ['veth0', '--address', HOST, '--only', 'fragments-overlap']
  const { status, stdout } = await conformInto('/proc/captures', ...args)
  expect(stdout).toMatch(/^differs fragments-overlap: .*; capture: not written: [^;]+; Linux drops/)
  expect(status).toBe(0)
})

test('ends when the host no longer replies to pings', async () => {
  const args = [
    '--address',
    HOST,
    '--only',
    'icmp*',
    '--pace',
    '1000',
    '--json',
    '--captures',
    directory,
  ]
  const run = host.near.spawn([process.execPath, PROGRAM, 'conform', 'veth0', ...args])
  const ended = outcome(run)
  await once(run.stdout, 'data')
  host.far.exec('sysctl -qw net.ipv4.icmp_echo_ignore_all=1')
  const { status, stdout, stderr } = await ended
  host.far.exec('sysctl -qw net.ipv4.icmp_echo_ignore_all=0')
  const counts = JSON.parse(stdout.trimEnd().split('\n').at(-1) as string)
  expect(counts.failedMust).toBe(1)
  expect(counts.notRun).toBeGreaterThan(0)
  expect(stderr).toMatch(
    /^vnet: the host no longer replies to a ping after icmp-\S+: the rest did not run\n$/,
  )
  expect(status).toBe(1)
})

const CLOSING =
  "require('net').createServer(socket => socket.once('data', () => socket.end())).listen(7000)"

test('ends when the control port closes the connection', async () => {
  prepare(host, directory)
  await startControlled(host.far, [process.execPath, '-e', CLOSING])
  const { status, stdout, stderr } = await conformControlled(host, directory, '--only', 'tcp-data')
  expect(stdout).toMatch(/\n0 of 1 pass, 1 failed \(must\), 0 skipped, \d+ did not run\n$/)
  expect(stderr).toMatch(
    /^vnet: the control port has closed the connection after \S+: the rest did not run\n$/,
  )
  expect(status).toBe(1)
})

test.each([
  [['--control', '1'], 1, 'no program listens at the control port: connection refused'],
  [['--control', 'host:port'], 2, 'must be [HOST:]PORT, such as 7000'],
])('refuses %j in one line', async (args, expected, error) => {
  const { status, stderr } = await conform('veth0', '--address', HOST, ...args)
  expect(stderr).toContain(error)
  expect(stderr).toMatch(/^.*\n(Usage.*\n)?$/)
  expect(status).toBe(expected)
})

test.each([
  [['veth0', '--address', HOST, '--only', 'nothing'], "no case or group is called 'nothing'"],
  [['veth0', '--address', 'host'], 'must be an address'],
  [['veth0'], 'it needs --address'],
  [
    ['veth0', '--address', '224.0.0.1'],
    '--address 224.0.0.1 is a group: name the address of the stack',
  ],
  [['veth0', '--address', 'ff02::1'], '--address ff02::1 is a group'],
  [['veth0', '--address', '255.255.255.255'], 'is a broadcast address'],
  [['veth0', '--address', '0.0.0.0'], 'is not the address of a host'],
  [
    ['veth0', '--address', HOST, '--peer', HOST],
    '--peer 192.0.2.2 is the address of the stack: name a free one',
  ],
  [
    ['veth0', '--address', HOST, '--peer', '224.0.0.9'],
    '--peer 224.0.0.9 is a group: name a free address',
  ],
  [
    ['veth0', '--address', HOST, '--peer', HOST6],
    '--peer 2001:db8::2 needs an --address of the same version of IP',
  ],
])('refuses %j', async (args, error) => {
  const { status, stderr } = await conform(...args)
  expect(stderr).toContain(error)
  expect(status).toBe(2)
})

test('refuses an address of its own machine', async () => {
  host.near.ip('addr add 192.0.2.3/24 dev veth0')
  const { status, stderr } = await conform('veth0', '--address', '192.0.2.3')
  host.near.ip('addr del 192.0.2.3/24 dev veth0')
  expect(stderr).toContain('192.0.2.3 is an address of this machine')
  expect(status).toBe(2)
})

test('says that an interface is down, and that no program has opened a TAP', async () => {
  host.near.ip('tuntap add tap9 mode tap')
  const down = await conform('tap9', '--address', HOST)
  expect(down.stderr).toContain('the interface is down: ip link set tap9 up')
  host.near.ip('link set tap9 up')
  const { status, stderr } = await conform('tap9', '--address', HOST)
  host.near.ip('link del tap9')
  expect(stderr).toContain(
    'it has no carrier: no program has opened this TAP, or the other end is down',
  )
  expect(status).toBe(1)
})

test('refuses the broadcast address of a network of this machine', async () => {
  host.near.ip('addr add 192.0.2.3/24 dev veth0')
  const { status, stderr } = await conform('veth0', '--address', '192.0.2.255')
  host.near.ip('addr del 192.0.2.3/24 dev veth0')
  expect(stderr).toContain('--address 192.0.2.255 is a broadcast address')
  expect(status).toBe(2)
})

test('refuses an address of the peer that another station has', async () => {
  host.far.ip('addr add 192.0.2.9/24 dev veth1')
  const { status, stderr } = await conform('veth0', '--address', HOST, '--peer', '192.0.2.9')
  host.far.ip('addr del 192.0.2.9/24 dev veth1')
  expect(stderr).toMatch(/\S+ replies to requests for 192\.0\.2\.9, --peer/)
  expect(status).toBe(1)
})

test('refuses an address of two stacks', async () => {
  const { near, far } = host
  near.ip(
    `link add veth2 type veth peer name veth3 netns ${far.name}`,
    'link add br0 type bridge',
    'link set br0 up',
    'link set veth0 master br0',
    'link set veth2 master br0 up',
  )
  far.ip('link set veth3 up')
  const { status, stderr } = await conform('br0', '--address', HOST)
  near.ip('link set veth0 nomaster')
  expect(stderr).toMatch(/\S+ and \S+ reply to requests for 192\.0\.2\.2/)
  expect(status).toBe(1)
})
