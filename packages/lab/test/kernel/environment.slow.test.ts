/** Errors of the environment: one line with the path and the remedy, without a place in vnet. */
import { beforeAll, describe, expect, test } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { asUser, ended, type Machine, onMachine, TREE } from '#support/ordinary-user.ts'

const directory = freshDirectory(0o1777)
const NET = `
hosts: [client, server]
cables:
  link: { ends: [client, server] }
`
const SCENARIO = `
export default async function scenario({ lab }) {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
}
`
const net = () => written(directory, 'net.yaml', NET)

/** Commands that keep temporary files. */
const COMMANDS: Readonly<Record<string, () => string[]>> = {
  'vnet lab': () => ['lab', net(), '--', 'true'],
  'vnet run': () => ['run', '--no-internet', '--quiet', '--', 'true'],
  'vnet explore': () => ['explore', net(), '--faults', 'drop', '--', 'true'],
  'vnet explore --json': () => ['explore', '--json', net(), '--faults', 'drop', '--', 'true'],
  'vnet explore in memory': () => [
    'explore',
    '--world',
    'memory',
    written(directory, 'a.mjs', SCENARIO),
  ],
}

/** Root's commands that make a full disk of some pages, and one that is read-only. */
const DISKS = `
  mkdir /run/full /run/ro && mount -t tmpfs -o size=16k none /run/full && mount -t tmpfs -o ro none /run/ro
  touch /run/file; head -c 100000 /dev/zero > /run/full/file 2> /run/out || true`

/** Runs `vnet ARGS` as root after shell commands. */
const vnet = (args: readonly string[], shell = ':') =>
  ended(
    onMachine({ before: DISKS }, [
      'sh',
      '-c',
      `${shell}; exec "$@"`,
      'sh',
      process.execPath,
      `${TREE}/dist/vnet.js`,
      ...args,
    ]),
  )

/** Runs `vnet ARGS` as an ordinary user after shell commands. */
const vnetAsUser = (args: readonly string[], shell: string, machine: Machine = {}) =>
  ended([
    ...asUser(machine),
    'sh',
    '-c',
    `${shell}; exec "$@"`,
    'sh',
    process.execPath,
    `${TREE}/dist/vnet.js`,
    ...args,
  ])

const WRONG = [
  ['that does not exist', '/nonexistent', 'no such directory; set TMPDIR to another directory'],
  ['that is a file', '/run/file', 'not a directory; set TMPDIR to another directory'],
  ['that is read-only', '/run/ro', 'read-only file system; set TMPDIR to another directory'],
] as const

describe.each(Object.entries(COMMANDS))('%s', (name, args) => {
  // `vnet lab` has all of them, and each other command one.
  const at = Object.keys(COMMANDS).indexOf(name) % WRONG.length
  test.each(name === 'vnet lab' ? WRONG : WRONG.slice(at, at + 1))(
    'with a TMPDIR %s, the error is one line that names it',
    (_, path, reason) => {
      const { status, stdout, stderr } = vnet(args(), `export TMPDIR=${path}`)
      const line = `vnet: TMPDIR=${path}: ${reason}\n`
      expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: line })
    },
  )
})

test('with a TMPDIR that the user may not enter, the error is one line that names it', () => {
  const { status, stderr } = vnetAsUser(COMMANDS['vnet lab']?.() ?? [], 'export TMPDIR=/run/own', {
    before: 'mkdir -m 700 /run/own',
  })
  const line = 'vnet: TMPDIR=/run/own: permission denied; set TMPDIR to another directory\n'
  expect({ status, stderr }).toEqual({ status: 1, stderr: line })
})

test.each(['vnet lab', 'vnet run'])('with a full TMPDIR, %s names the file', name => {
  const { status, stderr } = vnet(COMMANDS[name]?.() ?? [], 'export TMPDIR=/run/full')
  const line =
    /^vnet: \/run\/full\/vnet-lab-\S+\/hosts: no space left on device; free some space, or set TMPDIR to another directory\n$/
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(line) })
})

test('with a full TMPDIR, vnet explore names the file, without a stack', () => {
  const { status, stderr, stdout } = vnet(
    COMMANDS['vnet explore']?.() ?? [],
    'export TMPDIR=/run/full',
  )
  expect({ status, stderr }).toEqual({ status: 1, stderr: '' })
  expect(stdout).toMatch(
    /^\/run\/full\/\S+\/hosts: no space left on device; free some space, or set TMPDIR/m,
  )
  expect(stdout).not.toMatch(/^ +at /m)
})

test('a capture that a full disk does not take is one line with its path', () => {
  const args = [
    'lab',
    written(directory, 'capture.yaml', `${NET}capture: true\n`),
    '--',
    'ping',
    '-qc1',
    'server',
  ]
  const { status, stderr } = vnet(args, 'export VNET_CAPTURE=/run/full TMPDIR=/tmp')
  const line = /^vnet: \/run\/full\/\S+\.pcapng: no space left on device; the capture ends here\n$/
  expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(line) })
})

test('an exercise that a full disk does not take is one line, and leaves no empty file', () => {
  const listing = 'cd /run/full; set -- sh -c \'"$@"; code=$?; ls 01-drop; exit $code\' sh "$@"'
  const line = 'vnet: 01-drop/README.md: no space left on device\n'
  expect(vnet(['learn', '01-drop'], listing)).toEqual({ status: 1, stdout: '', stderr: line })
})

/** Stands in for the programs that a guest needs, which the machine may lack. They do not run. */
const GUEST_PROGRAMS = `
  mkdir /run/bin && ln -s /bin/false /run/bin/qemu-system-x86_64 && ln -s /bin/false /run/bin/mksquashfs
  export PATH=/run/bin:$PATH`

test.each([
  ['a file', '/run/file', 'not a directory'],
  ['read-only', '/run/ro', 'read-only file system'],
])(
  'a cache of guests that is %s is one line that names it, and what moves it',
  (_, path, reason) => {
    const { status, stderr } = vnet(
      ['guest', '--', 'true'],
      `${GUEST_PROGRAMS}; export XDG_CACHE_HOME=${path}`,
    )
    const line = `vnet: ${path}/vnet/kernel: ${reason}; set XDG_CACHE_HOME to another directory\n`
    expect({ status, stderr }).toEqual({ status: 1, stderr: line })
  },
)

test('a VNET_CAPTURE that is read-only is one line', () => {
  const { status, stderr } = vnet(COMMANDS['vnet lab']?.() ?? [], 'export VNET_CAPTURE=/run/ro/a/b')
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'vnet: VNET_CAPTURE=/run/ro/a/b: read-only file system\n',
  })
})

test.each([
  ['vnet lab', 28],
  ['vnet run', 28],
  ['vnet explore', 28],
])(
  'where %s may open %i files only, the error is one line with the limit to raise',
  (name, limit) => {
    const { status, stderr } = vnet(COMMANDS[name]?.() ?? [], `ulimit -n ${limit}`)
    // A part of it may come before, from the interface that it was about.
    const line = /^(vnet: \S+: .*\n)?vnet: .*; raise ulimit -n(, or install vnet again)?\n$/
    expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(line) })
  },
)

/** A user with no other processes. */
const LONE = ['setpriv', '--reuid=54321', '--regid=54321', '--clear-groups', '--inh-caps=-all']

/** Runs a command as that user, who may have so many processes and threads. */
const limited = (processes: number, words: readonly string[]) =>
  ended(onMachine({}, [...LONE, 'prlimit', `--nproc=${processes}`, ...words]))

/** With fewer than this, Node ends before it runs any code. */
const FIRST = 20
let needed: number | undefined
beforeAll(() => {
  needed = Array.from({ length: FIRST }, (_, i) => FIRST - i).find(
    n => limited(n - 1, [process.execPath, `${TREE}/dist/vnet.js`, '--version']).status !== 0,
  )
})

test.each(['vnet lab', 'vnet run', 'vnet explore'])(
  'where a user of %s may start few processes and threads, the error is one line',
  name => {
    const start = (processes: number) =>
      limited(processes, [process.execPath, `${TREE}/dist/vnet.js`, ...(COMMANDS[name]?.() ?? [])])
    const least = needed ?? 0
    const ends = [least, least + 1, least + 2].map(start)
    // How many of Node's own threads end it differs from run to run.
    while (ends.every(({ status }) => status === 'SIGABRT')) {
      ends.push(start(least + ends.length))
    }
    // Node waits for ever or aborts if the system refuses it one of its first threads.
    const hangs = 'the process of a run: it does not start in 30 s: ulimit -u may be too low'
    const refusals = [
      // With a number if a program of vnet has failed that is written in C.
      '(a thread|\\S+): no more processes and threads can be started( \\(errno 11\\))?; raise ulimit -u',
      hangs,
    ]
    const line = RegExp(`^vnet: (${refusals.join('|')})\n$`)
    expect(ends.map(({ status }) => status)).toContain(1)
    const refused = ends.filter(({ status }) => status !== 0 && status !== 'SIGABRT')
    for (const { status, stderr } of refused) {
      expect({ status, stderr }).toEqual({ status: 1, stderr: expect.stringMatching(line) })
    }
  },
)
