/** Nothing is left of a host that can have faults, whatever ends vnet. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { statOf } from '#src/linux/proc-stat.ts'
import { freshDirectory, testDirectory } from '#support/fresh-directory.ts'
import { asUser, ended, TREE, VNET_ROOTLESS } from '#support/ordinary-user.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

useTmpdir(freshDirectory())

const PROGRAM = fileURLToPath(new URL('../support/faults-process.mjs', import.meta.url))
const KINDS = ['net', 'pid', 'mnt', 'ipc']

interface Made {
  readonly up: string
  readonly init: number
  readonly namespaces: readonly string[]
  readonly file: string
}

async function faultsProcess(paused: boolean) {
  const args = [PROGRAM, ...(paused ? ['paused'] : [])]
  const child = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'pipe'] })
  const failed = text(child.stderr).then(error => Promise.reject(new Error(error)))
  const [line] = await Promise.race([once(child.stdout.setEncoding('utf8'), 'data'), failed])
  failed.catch(() => {})
  return { child, made: JSON.parse(line) as Made }
}

/** Returns the processes, except zombies, that are in one of the namespaces. */
function inside(namespaces: readonly string[]): readonly string[] {
  const isInside = (pid: string) =>
    statOf(Number(pid))?.[0] !== 'Z' &&
    KINDS.some(kind =>
      namespaces.includes(attempt(() => readlinkSync(`/proc/${pid}/ns/${kind}`)) ?? ''),
    )
  return readdirSync('/proc').filter(pid => Number(pid) > 0 && isInside(pid))
}

/** The mounts of named network namespaces, which other tests make meanwhile; labs have no names. */
const NAMED = / \/run\/netns/

/** Returns what programs of the machine share: mounts, and shared memory of both kinds. */
const shared = () => [
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter(line => !NAMED.test(line)),
  readFileSync('/proc/sysvipc/shm', 'utf8').split('\n').length,
  readdirSync('/dev/shm').filter(name => name.startsWith('vnet')),
]

type Child = Awaited<ReturnType<typeof faultsProcess>>['child']

test.each<[string, (child: Child, made: Made) => void, unknown[]]>([
  ['its normal end', child => child.stdin.write('end'), [0, null]],
  ['an error', child => child.stdin.write('throw'), [1, null]],
  ['SIGINT', child => child.kill('SIGINT'), [null, 'SIGINT']],
  ['SIGTERM', child => child.kill('SIGTERM'), [null, 'SIGTERM']],
  ['SIGKILL', child => child.kill('SIGKILL'), [null, 'SIGKILL']],
  [
    'SIGKILL of the init',
    (child, { init }) => {
      process.kill(init, 'SIGKILL')
      child.stdin.write('end')
    },
    [0, null],
  ],
])(
  'no process, mount or shared memory is left after %s, paused or not',
  async (_, end, expected) => {
    for (const isPaused of [false, true]) {
      const before = shared()
      const { child, made } = await faultsProcess(isPaused)
      expect([made.up, made.file]).toEqual(['up\n', 'text\n'])
      // The init and its parent, two sleeps, the program and its launcher.
      expect(inside(made.namespaces).length).toBeGreaterThanOrEqual(6)
      expect(shared()).toEqual(before)
      const exit = once(child, 'exit')
      end(child, made)
      expect(await exit).toEqual(expected)
      await expect.poll(() => inside(made.namespaces)).toEqual([])
      expect(shared()).toEqual(before)
    }
  },
)

/** PID 1 is a cat, which waits for no child. */
const UNREAPED = `
  mkfifo "$TMPDIR/in"
  (printf crash >"$TMPDIR/in") &
  "$NODE" "$PROGRAM" <"$TMPDIR/in" &
  exec cat >/dev/null`

test('a crash and the end of a lab need no process that waits for others', async () => {
  const directory = testDirectory()
  const env = { ...process.env, TMPDIR: directory, NODE: process.execPath, PROGRAM }
  const words = ['-p', '-f', '-m', '--mount-proc', '--kill-child', 'sh', '-c', UNREAPED]
  const child = spawn('unshare', words, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  let out = ''
  child.stdout.setEncoding('utf8').on('data', chunk => {
    out += chunk
  })
  await expect.poll(() => out.split('\n').length, { timeout: 10_000 }).toBeGreaterThanOrEqual(4)
  const exit = once(child, 'exit')
  child.stdin.end()
  await exit
  expect(out).toContain(`[ null, 'SIGKILL' ] text\n`)
})

test.each([
  ['', ':'],
  // A mount below /proc keeps a user namespace from another /proc, as in containers.
  [' where /proc cannot be mounted', 'mount -t tmpfs none /proc/fs'],
])('an ordinary user pauses and crashes hosts in vnet rootless%s', (_, before) => {
  const command = [
    process.execPath,
    `${TREE}/packages/lab/test/support/faults-process.mjs`,
    'paused',
  ]
  const words = [...asUser({ before }), 'env', '-u', 'TMPDIR', ...VNET_ROOTLESS, ...command]
  const { status, stdout, stderr } = ended(words, 'crash')
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain(`[ null, 'SIGKILL' ] text\n`)
})
