/** The lock of set-up: one process at a time, and no other user can hold it. */
import { type ChildProcessByStdio, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, resolve } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'

const NOBODY = '65534'
const NOBODY_USER = ['--reuid', NOBODY, '--regid', NOBODY, '--clear-groups']
const module = resolve(import.meta.dirname, '../../../scripts/setup/lock.mjs')

const directory = freshDirectory(0o755)
const path = join(directory, '.setup-lock')

/** A process that prints "held" when it has the lock, and releases it when its input ends. */
function holder(): ChildProcessByStdio<Writable, Readable, Readable> {
  const program = `import { withLock } from ${JSON.stringify(module)}
    await withLock(${JSON.stringify(path)}, async () => {
      console.log('held')
      for await (const _ of process.stdin);
    })`
  const child = spawn(process.execPath, ['--input-type=module', '-e', program], { stdio: 'pipe' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child
}

const held = (child: { readonly stdout: Readable }) => once(child.stdout, 'data')

test('a second set-up reports that it waits, and continues when the first has ended', async () => {
  const first = holder()
  await held(first)
  const second = holder()
  const [line] = await once(second.stderr.setEncoding('utf8'), 'data')
  expect(line).toBe(`vnet: waiting for another set-up of this tree (it holds ${path})\n`)
  first.stdin.end()
  await held(second)
})

test('the lock of a process that is killed is free', async () => {
  const first = holder()
  await held(first)
  first.kill('SIGKILL')
  await once(first, 'exit')
  const second = holder()
  second.stderr.on('data', text => expect.fail(`${text}`))
  await held(second)
})

test('another user can neither hold the lock nor make it wait', async () => {
  const first = holder()
  await held(first)
  first.stdin.end()
  await once(first, 'exit')
  expect(existsSync(path) && statSync(path).mode & 0o777).toBe(0o600)
  const stranger = spawnSync('setpriv', [...NOBODY_USER, 'flock', '-s', '-n', path, 'true'], {
    encoding: 'utf8',
  })
  expect([stranger.status, stranger.stderr]).toEqual([
    66,
    expect.stringContaining('Permission denied'),
  ])
})

test.each([
  ['ENOENT', () => rmSync(directory, { recursive: true }), '', []],
  [
    'EACCES',
    () => chmodSync(directory, 0o755),
    ': the tree belongs to another user',
    ['setpriv', ...NOBODY_USER],
  ],
] as const)('a lock that cannot be opened because of %s says so', (code, prepare, hint, user) => {
  prepare()
  const program = `import { withLock } from ${JSON.stringify(module)}
    await withLock(${JSON.stringify(path)}).catch(({ message }) => console.log(message))`
  const words = [...user, process.execPath, '--input-type=module', '-e', program]
  const { stdout } = spawnSync(words[0]!, words.slice(1), { encoding: 'utf8' })
  mkdirSync(directory, { recursive: true })
  expect(stdout).toMatch(new RegExp(`^vnet: ${code}: [^:]*'${hint}\n$`))
})

test('a lock that root has made in the tree of a user names the command that gives it back', () => {
  rmSync(path, { force: true })
  writeFileSync(path, '', { mode: 0o600 })
  chownSync(directory, Number(NOBODY), Number(NOBODY))
  const program = `import { withLock } from ${JSON.stringify(module)}
    await withLock(${JSON.stringify(path)}).catch(({ message }) => console.log(message))`
  const { stdout } = spawnSync(
    'setpriv',
    [...NOBODY_USER, process.execPath, '--input-type=module', '-e', program],
    {
      encoding: 'utf8',
    },
  )
  expect(stdout).toMatch(
    /^vnet: EACCES: .*: a set-up by another user has made files of this tree: /,
  )
  expect(stdout.trimEnd().endsWith(`sudo chown -R ${NOBODY} ${directory}`)).toBe(true)
})
