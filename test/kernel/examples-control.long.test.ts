/**
 * The example programs that talk to a driver, built and run by the lines at their heads: under
 * `vnet exec`, and directly. Also third-party tools that speak generic netlink.
 */
import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  fstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, extname, join, resolve } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { ownNamespace, readDirectories } from '#src/control/sockets/directory.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { startVnet } from '#support/vnet-process.ts'

/** Time to fetch a Node that the machine does not have yet. */
const DOWNLOAD = 300_000

const root = resolve(import.meta.dirname, '../..')
const ECHOES = ['echo.c', 'echo_raw.c', 'echo.py', 'echo.ts']
const RESETS = ['reset_stats.c', 'reset_stats.py', 'reset_stats.ts']
const WAYS = ['vnet exec', '--direct'] as const
/** The examples that can talk to a vnet directly; libnl cannot. */
const DIRECT = ECHOES.filter(file => file !== 'echo.c')
const bothWays = (files: readonly string[]) =>
  WAYS.flatMap(way => files.map(file => [file, way] as const)).filter(
    ([file, way]) => way !== '--direct' || file !== 'echo.c',
  )

/** A project that has vnet installed and its examples copied. */
const project = fileDirectory()
const { netns } = freshQuietNamespaces('netns')

/** The command lines in the head of a file, without sudo and their explanations. */
function lines(file: string): string[] {
  const [comment] = readFileSync(join(root, 'examples', file), 'utf8').split(/\*\/|(?<=.)"""/s)
  return [...comment!.matchAll(/^(?: \*)? {3,}(?:sudo )?(\S.*?)(?: {2,}.*)?$/gm)].map(
    ([, line]) => line!,
  )
}

/** The line that builds a file; undefined if it runs as it is. */
const buildLine = (file: string) => lines(file).find(line => /^(cc|npx tsc) /.test(line))

/** The line that runs a file, with `words` instead of its argument. */
const runLine = (file: string, way: (typeof WAYS)[number], words: string) =>
  lines(file)
    .find(line => line.includes(way))!
    .replace('SOCKET', vnet())
    .replace(/(TEXT|vnet0)$/, words)

/** The socket of the vnet with an interface in the namespace. */
function vnet(): string {
  const { ino } = fstatSync(netns.fd)
  // Files of ended vnets in other pid namespaces remain, and the inode may have been theirs before.
  const pidns = ownNamespace('pid')
  const own = readDirectories().find(
    entry => entry.pidns === pidns && entry.interfaces.some(({ inode }) => inode === ino),
  )
  return own?.vnet ?? '/run/vnet/none.sock'
}

/** C and Python run in their directory, TypeScript in the root of the project. */
const placeOf = (file: string) => (extname(file) === '.ts' ? project : join(project, 'examples'))

/**
 * The shell command for `line` in a directory of the project, with `vnet` and this Node in the
 * PATH.
 */
const inShell = (place: string, line: string) => [
  'sh',
  '-c',
  `cd ${place} && PATH=${project}/bin:${dirname(process.execPath)}:$PATH exec ${line}`,
]

/** Runs a command in the namespace, as root or as an ordinary user. */
const run = (place: string, line: string, user: readonly string[] = []) =>
  outcome(netns.spawn([...user, ...inShell(place, line)]))
const example = (
  file: string,
  way: (typeof WAYS)[number],
  words: string,
  user: readonly string[] = [],
) => run(placeOf(file), runLine(file, way, words), user)
const nobody = () => asNobodyIn(netns).slice(4)

beforeAll(() => {
  chmodSync(project, 0o755)
  cpSync(join(root, 'examples'), join(project, 'examples'), { recursive: true })
  writeFileSync(join(project, 'package.json'), '{ "type": "module" }')
  mkdirSync(join(project, 'node_modules'))
  for (const name of ['.bin', '@types', '@vnet', 'ffi-rs']) {
    symlinkSync(join(root, 'node_modules', name), join(project, 'node_modules', name))
  }
  symlinkSync(root, join(project, 'node_modules/vnet'))
  mkdirSync(join(project, 'bin'))
  writeFileSync(
    join(project, 'bin/vnet'),
    `#!/bin/sh\nexec ${process.execPath} ${root}/dist/vnet.js "$@"\n`,
    {
      mode: 0o755,
    },
  )
  const builds = new Map([...ECHOES, ...RESETS].map(file => [buildLine(file), placeOf(file)]))
  for (const [line, place] of builds) {
    if (line === undefined) continue
    const strict = line.startsWith('cc ') ? `${line} -Wall -Wextra -Werror` : line
    const [shell, ...words] = inShell(place, strict)
    execFileSync(shell!, words, { encoding: 'utf8', stdio: 'pipe' })
  }
})

const running = () => startVnet(['loop', '--netns', netns.name, '--json'])

/** The packets that vnet0 sent and received, as counted by vnet and by the kernel. */
async function packets(): Promise<number[]> {
  const client = ControlClient.open()
  try {
    const [device] = await client.devices(vnet())
    const { total, kernel } = (await client.stats(vnet(), device!))!
    return [total.txPackets, total.rxPackets, kernel!.txPackets, kernel!.rxPackets]
  } finally {
    client.close()
  }
}

test('every example in C, Python and TypeScript is run by this file', () => {
  const shared = ['genl.py', 'libc.ts']
  const programs = readdirSync(join(root, 'examples')).filter(name => /\.(c|py|ts)$/.test(name))
  expect(programs.filter(name => !shared.includes(name)).sort()).toEqual(
    [...ECHOES, ...RESETS].sort(),
  )
})

describe('echo', () => {
  test('each by each way prints the text, and by --direct for an ordinary user, too', async () => {
    await running()
    const printed = (text: string) => ({ status: 0, stdout: `${text}\n`, stderr: '' })
    for (const [file, way] of bothWays(ECHOES)) {
      const text = 'grüße, vnet'
      expect([file, way, await example(file, way, `'${text}'`)]).toEqual([file, way, printed(text)])
      expect([file, way, await example(file, way, '')]).toEqual([file, way, printed('hello')])
    }
    for (const file of DIRECT) {
      const ended = await example(file, '--direct', 'hallo', nobody())
      expect([file, ended]).toEqual([file, printed('hallo')])
    }
  })

  test.each(bothWays(ECHOES))('%s by %s prints one line if no vnet runs', async (file, way) => {
    const { status, stdout, stderr } = await example(file, way, 'hallo')
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(/^echo(_raw)?: .+\n$/)
  })
})

describe('reset_stats', () => {
  test.each(bothWays(RESETS))(
    '%s by %s sets the statistics to 0, and is EPERM for user 65534',
    async (file, way) => {
      await running()
      await pingWithoutLoss(netns, '-c 2 -i 0.02 198.18.0.2')
      const before = await packets()
      // Each request and each reply leaves and comes back.
      expect(before).toEqual([4, 4, 4, 4])
      const refused = await example(file, way, 'vnet0', nobody())
      expect(refused).toMatchObject({ status: 1, stdout: '' })
      expect(refused.stderr).toMatch(/^reset_stats: vnet0: .*operation not permitted.*\n$/i)
      expect(await packets()).toEqual(before)
      expect(await example(file, way, 'vnet0')).toEqual({
        status: 0,
        stdout: 'vnet0: statistics reset\n',
        stderr: '',
      })
      expect(await packets()).toEqual([0, 0, 0, 0])
    },
  )

  test.each(bothWays(RESETS))(
    '%s by %s prints one line if no vnet has the interface',
    async (file, way) => {
      const { status, stdout, stderr } = await example(file, way, 'nosuch')
      expect([status, stdout]).toEqual([1, ''])
      expect(stderr).toMatch(/^reset_stats: nosuch: .+\n$/)
    },
  )

  test.each(bothWays(RESETS))(
    '%s by %s prints its usage without an interface, and exits 2',
    async (file, way) => {
      const { status, stdout, stderr } = await example(file, way, '')
      expect([status, stdout]).toEqual([2, ''])
      expect(stderr).toMatch(/^usage: reset_stats(\.py)? \[--direct.*\] IF\n$/)
    },
  )

  test('reset_stats.py prints its usage if --direct has no socket', async () => {
    const { status, stderr } = await run(
      placeOf('reset_stats.py'),
      'python3 reset_stats.py --direct',
    )
    expect([status, stderr]).toEqual([2, 'usage: reset_stats.py [--direct SOCKET] IF\n'])
  })
})

test(
  'examples run as they are under a Node that takes TypeScript, both ways',
  async () => {
    const words = ['-y', '-p', 'node@22', '--', 'node', '-p', 'process.execPath']
    const node = execFileSync('npx', words, { encoding: 'utf8' }).trim()
    await running()
    for (const [file, word, stdout] of [
      ['echo.ts', 'hello', 'hello\n'],
      ['reset_stats.ts', 'vnet0', 'vnet0: statistics reset\n'],
    ] as const) {
      for (const line of [
        `vnet exec ${node} examples/${file}`,
        `${node} examples/${file} --direct`,
      ]) {
        expect(await run(project, `${line} ${word}`)).toMatchObject({ status: 0, stdout })
      }
    }
  },
  DOWNLOAD,
)

describe('tools of others, through vnet exec', () => {
  test('genl of iproute2 under vnet exec finds vnet_nl by name and by number', async () => {
    await running()
    for (const which of ['name vnet_nl', 'id 0x3f0']) {
      const { status, stdout, stderr } = await run(project, `vnet exec genl ctrl get ${which}`)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^Name: vnet_nl\n\tID: 0x3f0 {2}Version: 0x1 .*\n\t\t#10: {2}ID-0xa/ms)
    }
  })

  test('lists of families have those of the kernel', async () => {
    await running()
    for (const [line, shown] of [
      ['genl ctrl list', /^Name: nlctrl\n\tID: 0x10 /m],
      ['genl-ctrl-list', /^0x0010 nlctrl version 2$/m],
      ['genl-ctrl-list -d', /^0x0010 nlctrl version 2\n {4}hdrsize 0 maxattr/m],
    ] as const) {
      const { status, stdout, stderr } = await run(project, `vnet exec ${line}`)
      expect([line, status, stderr]).toEqual([line, 0, ''])
      expect(stdout).toMatch(shown)
    }
  })

  test('ethtool under vnet exec reaches the kernel', async () => {
    await running()
    const bare = await netns.run('ethtool --json -k vnet0')
    expect(JSON.parse(bare.stdout)).toMatchObject([{ ifname: 'vnet0' }])
    expect(await run(project, 'vnet exec ethtool --json -k vnet0')).toEqual(bare)
  })
})
