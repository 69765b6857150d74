/** `--capture FILE` of the commands that make interfaces, on real TAPs, read by tshark. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  appendFileSync,
  chmodSync,
  chownSync,
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { spawnVnet, startVnet } from '#support/vnet-process.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')

const file = (name = 'a.pcapng') => join(directory, name)
const ADDRESSES = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
const cable = (...args: string[]) => [
  'cable',
  `${left.name}/left`,
  `${right.name}/right`,
  ...ADDRESSES,
  ...args,
]

/** Runs a tool of Wireshark, which must not complain. */
function wireshark(tool: string, ...args: string[]): string {
  return execFileSync(tool, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
}

/** The lines that tshark prints for the packets that match a display filter: their fields. */
function packets(path: string, filter: string, ...fields: string[]): string[] {
  const columns = fields.flatMap(field => ['-e', field])
  const lines = wireshark(
    'tshark',
    '-n',
    '-r',
    path,
    '-Y',
    filter,
    '-T',
    'fields',
    '-E',
    'separator= ',
    ...columns,
  )
  return lines.split('\n').slice(0, -1)
}

/** The statistics blocks of a file. */
const statisticsOf = (path: string) =>
  [...wireshark('capinfos', path).matchAll(/Number of stat entries = (\d+)/g)].map(([, n]) => n)

/** Sends echo requests one by one, each of which must get a reply. */
async function ping(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    expect(await left.run('ping -c 1 -s 1000 -W 30 198.18.0.2')).toMatchObject({ status: 0 })
  }
}

/** Sends many echo requests without waiting for all replies. */
const flood = (count: number) => left.run(`ping -c ${count} -i 0.002 -s 1000 198.18.0.2`)

test('every frame is in the file at both ends, from the first to the last, with statistics', async () => {
  const vnet = await startVnet(cable('--json', '--capture', file()))
  await ping(1)
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
  expect(
    packets(file(), 'icmp', 'frame.interface_name', 'frame.packet_flags_direction', 'icmp.type'),
  ).toEqual(['left 0x00000002 8', 'right 0x00000001 8', 'right 0x00000002 0', 'left 0x00000001 0'])
  expect(statisticsOf(file())).toEqual(['1', '1', '1', '1'])
  expect(statSync(file()).mode & 0o777).toBe(0o600)
})

test('a capture of interfaces that are deleted from outside has all frames and statistics', async () => {
  const vnet = await startVnet(cable('--capture', file()))
  await ping(3)
  left.ip('link del left')
  right.ip('link del right')
  expect((await vnet.ended).stderr).toContain('the last interface was deleted')
  expect(packets(file(), 'icmp.type == 8', 'frame.number')).toHaveLength(6)
  expect(statisticsOf(file())).toEqual(['1', '1', '1', '1'])
})

test('--filter and --snaplen choose the frames and how much of each is written', async () => {
  const vnet = await startVnet(
    cable('--capture', file(), '--filter', 'icmp[0] == 8', '--snaplen', '100'),
  )
  await ping(2)
  await vnet.stop()
  expect(packets(file(), 'frame', 'icmp.type', 'frame.cap_len', 'frame.len')).toEqual(
    new Array(4).fill('8 100 1042'),
  )
})

test('the log says that a file is not in order of time if capinfos does', async () => {
  const vnet = await startVnet(cable('--wire', 'delay 3ms', '--capture', file()))
  await Promise.all([
    pingWithoutLoss(left, '-c 200 -i 0.002 198.18.0.2'),
    right.run('ping -c 200 -i 0.002 198.18.0.1'),
  ])
  const { stderr } = await vnet.stop()
  const isOrdered = wireshark('capinfos', '-o', file()).includes('True')
  expect(
    stderr.includes(
      'vnet: capture: the file is not in order of time: `reordercap IN OUT` sorts it',
    ),
  ).toBe(!isOrdered)
})

test('--duration ends the capture, and traffic continues', async () => {
  const vnet = await startVnet(cable('--capture', file(), '--duration', '1s'))
  await vnet.line(/^vnet: capture: \d+ frames in /)
  await ping(2)
  expect(packets(file(), 'icmp', 'frame.number')).toEqual([])
  expect(statisticsOf(file())).toEqual(['1', '1', '1', '1'])
})

test('--ring keeps the last files, also once privileges are dropped', async () => {
  const vnet = await spawnVnet(cable('--quiet', '--capture', file(), '--ring', '3x64kB'))
  await pingWithoutLoss(left, '-c 300 -i 0.002 -s 1000 198.18.0.2')
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
  const names = readdirSync(directory).sort()
  const numbers = names.map(name => Number(/^a_(\d{5})_\d{14}\.pcapng$/.exec(name)?.[1]))
  const last = numbers[2] as number
  expect(numbers).toEqual([last - 2, last - 1, last])
  expect(last).toBeGreaterThanOrEqual(20)
  expect(packets(file(names[2]), 'icmp', 'icmp.seq').at(-1)).toBe('300')
  for (const name of names) {
    expect(statisticsOf(file(name))).toEqual(['1', '1', '1', '1'])
  }
})

/** A directory that only another user may enter. */
function foreignDirectory(): string {
  const foreign = file('foreign')
  mkdirSync(foreign)
  chownSync(foreign, 65534, 65534)
  chmodSync(foreign, 0o700)
  return foreign
}

test('a file and keys in a directory of another user are used after that right is dropped', async () => {
  const foreign = foreignDirectory()
  const [path, keys] = [join(foreign, 'a.pcapng'), join(foreign, 'keys')]
  writeFileSync(keys, '')
  const vnet = await spawnVnet(cable('--quiet', '--capture', path, '--tls-keys', keys))
  appendFileSync(keys, 'CLIENT_RANDOM 11 22\n')
  await ping(2)
  expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
  expect(packets(path, 'icmp', 'frame.number')).toHaveLength(8)
  expect(readFileSync(path).includes('CLIENT_RANDOM 11 22')).toBe(true)
})

test('--ring in a directory of another user is refused, because that right is dropped', async () => {
  const foreign = foreignDirectory()
  const vnet = spawnVnet(cable('--capture', join(foreign, 'a.pcapng'), '--ring', '2x64kB'))
  await expect(vnet).rejects.toThrow(/--ring: .*foreign belongs to another user.*--keep-privileges/)
  expect(readdirSync(foreign)).toEqual([])
})

test('keys that are appended while the capture runs precede the packets that come after them', async () => {
  const keys = file('keys')
  const vnet = await startVnet(cable('--capture', file(), '--tls-keys', keys))
  const key = `CLIENT_RANDOM ${'11'.repeat(32)} ${'22'.repeat(48)}\n`
  writeFileSync(keys, key)
  await ping(1)
  await vnet.stop()
  const bytes = readFileSync(file())
  const [at, first] = [bytes.indexOf(key), bytes.indexOf('!"#$%&')]
  expect(at).toBeGreaterThan(0)
  expect(first).toBeGreaterThan(at)
  expect(packets(file(), 'icmp', 'frame.number').length).toBe(4)
})

test('a reader that closes its pipe ends the capture with one line, and the status is 0', async () => {
  const fifo = file('fifo')
  execFileSync('mkfifo', [fifo])
  // The first reader, until the second has opened it.
  const held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK)
  const reader = spawn('head', ['-c', '1', fifo], { stdio: 'ignore' })
  const hasRead = once(reader, 'exit')
  const vnet = await startVnet(cable('--quiet', '--capture', fifo))
  await hasRead
  closeSync(held)
  await ping(1)
  await vnet.line(/^vnet: capture: /)
  const { status, stderr } = await vnet.stop()
  expect([status, stderr]).toEqual([0, `vnet: capture: ${fifo}: broken pipe; its reader is gone\n`])
})

test('a reader that does not read delays neither the frames nor the end', async () => {
  const fifo = file('fifo')
  execFileSync('mkfifo', [fifo])
  const reader = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
  const vnet = await startVnet(cable('--quiet', '--capture', fifo))
  await flood(300)
  const { status, stderr } = await vnet.stop()
  closeSync(reader)
  const unread = 'timed out; its reader does not read'
  expect([status, stderr]).toEqual([1, `vnet: capture: ${fifo}: ${unread}\n`])
})

test('a full disk ends the capture with one line, traffic continues, and the status is 1', async () => {
  mkdirSync(file('disk'))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128k', 'tmpfs', file('disk')])
  try {
    const vnet = await startVnet(cable('--quiet', '--capture', file('disk/a.pcapng')))
    await flood(100)
    await vnet.line(/^vnet: capture: /)
    await ping(2)
    const { status, stderr } = await vnet.stop()
    expect(status).toBe(1)
    expect(stderr).toBe(
      `vnet: capture: ${file('disk/a.pcapng')}: no space left on device; the capture ends here\n`,
    )
    // The file is whole up to its end.
    expect(packets(file('disk/a.pcapng'), 'icmp', 'frame.number').length).toBeGreaterThan(50)
  } finally {
    execFileSync('umount', ['-l', file('disk')])
  }
})

test.each([
  [
    'nowhere/a.pcapng',
    [],
    /^vnet: .*\/nowhere\/a.pcapng: no such file or directory: .*\/nowhere\n$/,
  ],
  ['a.pcapng', ['--filter', 'nonsense ('], /^vnet: filter 'nonsense \(': .*\n$/],
  ['a.pcapng', ['--tls-keys', '/dev/null'], /^vnet: --tls-keys \/dev\/null: not a file.*\n$/],
])(
  '--capture %s %j is refused by one line before there is an interface',
  async (name, args, line) => {
    const { status, stdout, stderr } = await runMain(
      ...cable('--capture', join(directory, name), ...args),
    )
    expect({ status, stdout }).toEqual({ status: name.startsWith('nowhere') ? 1 : 2, stdout: '' })
    expect(stderr).toMatch(line)
  },
)
