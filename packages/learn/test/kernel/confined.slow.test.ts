/** Traffic of others, in the place where `vnet check` runs them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import { confined, withParent } from '#src/linux/rootless.ts'
import { exerciseOf } from '#support/course.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import type { Result } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'
import { networkOnly } from '../../src/network-only.ts'
import { runWorker } from '../../src/worker.ts'

const fresh = freshDirectory()

const inside = (script: string, rights: 'all' | 'none' = 'none') =>
  ended(confined(['sh', '-c', script], rights))

/** A text that occurs in the command lines of no other program. */
const MARK = `${process.pid}.5`

function leftOver(): string[] {
  const processes = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return processes.filter(pid => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === `sleep\0${MARK}\0`
    } catch {
      return false
    }
  })
}

test('a confined program writes no file but in its own /run, and opens no device of the machine', () => {
  const name = `vnet-confined-${process.pid}`
  const paths = [homedir(), '/tmp', '/', '/var/tmp', import.meta.dirname, '/sys'].map(path =>
    join(path, name),
  )
  const { stdout } = inside(`
    for path in ${paths.join(' ')} /proc/sys/kernel/hostname; do echo 1 2>/dev/null >$path && echo wrote $path; done
    echo 1 >/run/file && echo own; ls ~ /tmp; ls /dev | tr '\\n' ' '`)
  expect(stdout.replace(/^.*:\n|^\n/gm, '')).toBe('own\nfd full net null random shm urandom zero ')
  const written = paths.filter(path => existsSync(path))
  for (const path of written) {
    rmSync(path)
  }
  expect(written).toEqual([])
})

test('a confined program sees no process outside, has no rights, and gets none in a namespace of its own', () => {
  const { stdout } = inside(
    'echo /proc/[0-9]*; grep CapEff /proc/1/status; unshare -U id 2>&1 >/dev/null | wc -l',
  )
  expect(stdout).toBe('/proc/1\nCapEff:\t0000000000000000\n1\n')
})

test('programs that a confined program started end with it, and when its starter asks it to end', () => {
  expect(inside(`setsid sleep ${MARK} & exit 3`).status).toBe(3)
  const killed = ended([
    'timeout',
    '0.2',
    ...confined(['sh', '-c', `setsid sleep ${MARK} & sleep ${MARK}`], 'none'),
  ])
  expect(killed.status).toBe(124)
  expect(leftOver()).toEqual([])
})

test('a confined program is ended when it has too many processes or too much memory', () => {
  const bomb = inside('i=0; while [ $i -lt 200 ]; do sleep 30 & i=$((i + 1)); done; wait')
  expect(bomb).toMatchObject({
    status: 137,
    stderr: expect.stringContaining('vnet: ended: more than 128 processes'),
  })
  // Each keeps what it has, so that they have it all at one time.
  const eater = '{ text=$(head -c 200M /dev/zero | tr "\\0" x); sleep 30; }'
  const eaters = `i=0; while [ $i -lt 9 ]; do ${eater} & i=$((i + 1)); done; wait`
  expect(inside(eaters)).toMatchObject({
    status: 137,
    stderr: expect.stringContaining('more than 1 GiB of memory'),
  })
})

test('a program with its parent ends when the parent is killed', async () => {
  const command = withParent(['sleep', '1000']).map(word =>
    word === `${process.pid}` ? '$$' : word,
  )
  const parent = spawn('sh', ['-c', `${command.join(' ')} & echo $!; wait`], {
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  const [pid] = await once(parent.stdout, 'data')
  // It is the launcher until it has executed sleep.
  const isIn = (name: string) => readFileSync(`/proc/${Number(pid)}/comm`, 'utf8') === `${name}\n`
  while (!isIn('sleep')) {
    await setImmediate()
  }
  parent.kill('SIGKILL')
  expect(ended(['tail', `--pid=${Number(pid)}`, '-f', '/dev/null']).status).toBe(0)
})

test('a program with the rights of the network only changes no mount, and cannot open its parent', () => {
  const tries = [
    'umount /tmp',
    'mount -o remount,rw /',
    'mount -t tmpfs x /usr',
    'nsenter -t 1 -m true',
    'cat /proc/1/mem',
    // open_tree_attr(2) with OPEN_TREE_CLONE, which clears MOUNT_ATTR_RDONLY.
    'python3 -c "from ctypes import *; exit(CDLL(None).syscall(467, -100, b\'/usr\', 1, (c_uint64 * 4)(0, 1), 32) < 0)"',
  ]
  const script = `${tries.map(command => `${command} 2>/dev/null && echo did ${command}`).join('\n')}
    ip link set lo mtu 1400 && echo network`
  // Arguments that are paths are visible inside, also if they are below /tmp.
  const command = ['sh', '-c', '"$@"; true', 'sh', ...networkOnly(['sh', '-c', script])]
  expect(ended(confined(command, 'all'))).toEqual({ status: 0, stdout: 'network\n', stderr: '' })
})

test('an exercise in the home directory is visible to a confined check also by a symbolic link to it', async () => {
  const home = join(fresh, 'home')
  const [exercise, link, file] = [
    join(home, '01-drop'),
    join(fresh, '01-drop'),
    join(fresh, 'drop.mjs'),
  ]
  cpSync(join(COURSE, '01-drop'), exercise, { recursive: true })
  cpSync(join(COURSE, '01-drop/solution.js'), file)
  symlinkSync(exercise, link)
  vi.stubEnv('HOME', home)
  const results: Result[] = []
  const drop = { ...(await exerciseOf('01-drop')), directory: link }
  await runWorker(
    drop,
    'memory',
    file,
    result => results.push(result),
    () => {},
    { isConfined: true },
  )
  vi.unstubAllEnvs()
  expect(results.filter(({ result }) => result !== 'passed')).toEqual([])
})

test('a confined program sees only the paths of its command in the home directory', () => {
  const home = join(fresh, 'home-of-students')
  for (const student of ['x', 'y']) {
    mkdirSync(join(home, 'st', student, '01-drop'), { recursive: true })
  }
  writeFileSync(join(home, 'st/names'), '')
  vi.stubEnv('HOME', home)
  const paths = ['st/x', 'st/x/01-drop', 'st/names'].map(path => join(home, path))
  const { stdout } = ended(
    confined(['sh', '-c', 'cd "$HOME" && find . | sort', 'sh', ...paths], 'none'),
  )
  vi.unstubAllEnvs()
  expect(stdout.split('\n')).toEqual(['.', './st', './st/names', './st/x', './st/x/01-drop', ''])
})

const REACHES = `
const names = ['stdin', 'stdout', 'stderr', 'report', 'binding', 'kill', 'on', 'dlopen', '_debugProcess']
const found = names.filter(name => process[name] !== undefined)
if (found.length > 0 || globalThis.process !== process) throw new Error(found)
console.log('{"event":"log","level":"error","message":"forged"}')
`

test('in live checks a driver has no stream of its process, and prints no event', async () => {
  const file = join(fresh, 'reaches.mjs')
  writeFileSync(file, REACHES + readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8'))
  const results: Result[] = []
  const add = (result: Result) => void results.push(result)
  await runWorker(await exerciseOf('01-drop'), 'live', file, add, () => {}, { isConfined: true })
  expect(results.map(({ result, seen }) => ({ result, seen }))).toEqual(
    Array(2).fill({ result: 'passed' }),
  )
})
