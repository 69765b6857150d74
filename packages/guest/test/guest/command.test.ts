/** The input of a command in a guest, and its results. */
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory, freshDirectory } from '#support/fresh-directory.ts'
import { cacheWithKernel, complaints, shell, vnet } from '../support/guest-runs.ts'

const directory = freshDirectory()
const cwd = directory
const at = (name: string) => join(directory, name)

test('the status of the command is the status of vnet, and its outputs remain apart', async () => {
  const end = await shell('echo out; echo err >&2; exit 7', { cwd })
  expect([end.status, end.stdout, complaints(end)]).toEqual([7, 'out\n', ['err']])
})

test('a command that a signal ends gives 128 and the number of the signal', async () => {
  const end = await shell('kill -TERM $$', { cwd })
  expect([end.status, complaints(end)]).toEqual([143, []])
})

test('a command starts in the same directory, and sees its files', async () => {
  mkdirSync(at('below'))
  writeFileSync(at('file'), 'content')
  const { stdout } = await shell('pwd; cat ../file', { cwd: at('below') }, '--directory', '..')
  expect(stdout).toBe(`${at('below')}\ncontent`)
})

test('changed files, new files and links come back with their modes, and nothing else', async () => {
  writeFileSync(at('kept'), 'kept')
  writeFileSync(at('changed'), 'before')
  writeFileSync(at('removed'), 'removed')
  chmodSync(at('kept'), 0o640)
  symlinkSync('kept', at('old'))
  const { ino, mtimeMs } = statSync(at('kept'))
  const end = await shell(
    `cat kept old >/dev/null; echo after > changed; mkdir new; echo '#!/bin/sh' > new/run; chmod 700 new/run
     ln -s ../kept new/link; ln -sf changed old; rm removed; mkfifo fifo; echo away > /tmp/away`,
    { cwd },
  )
  expect([end.status, complaints(end)]).toEqual([0, []])
  expect(readdirSync(directory).sort()).toEqual(['changed', 'kept', 'new', 'old', 'removed'])
  expect(readFileSync(at('changed'), 'utf8')).toBe('after\n')
  expect([lstatSync(at('kept')).ino, lstatSync(at('kept')).mtimeMs]).toEqual([ino, mtimeMs])
  expect(statSync(at('new/run')).mode & 0o777).toBe(0o700)
  expect([readlinkSync(at('new/link')), readlinkSync(at('old'))]).toEqual(['../kept', 'changed'])
})

test('a file that cannot be written back is one line, and the others come back', async () => {
  mkdirSync(at('inner'))
  const end = await shell('rmdir inner; echo x > inner; echo y > other; exit 3', { cwd })
  const line = 'vnet: inner of the guest is not written back: it is a directory here'
  expect([end.status, complaints(end)]).toEqual([1, [line]])
  expect(readFileSync(at('other'), 'utf8')).toBe('y\n')
})

test('a large output is complete and in order', async () => {
  const { stdout } = await shell('seq 200000', { cwd })
  expect(stdout).toBe(Array.from({ length: 200_000 }, (_, i) => `${i + 1}\n`).join(''))
})

test('output is passed on byte for byte', async () => {
  const end = await shell(
    `vnet=$(printf '\\t\\033[1m\\001'); printf '%s' "$vnet"; printf 'é%.0s' $(seq 50000)`,
    {
      cwd,
    },
  )
  expect(end.stdout === `\t\x1b[1m\x01${'é'.repeat(50_000)}`).toBe(true)
})

test('a program that does not exist ends with 127 and one line', async () => {
  const end = await vnet(['guest', '--', 'no-such-program'], { cwd })
  expect([end.status, end.stdout, complaints(end)]).toEqual([
    127,
    '',
    [expect.stringContaining('no-such-program')],
  ])
})

test('a file that is not a program ends with 126 and one line', async () => {
  writeFileSync(at('text'), 'text')
  const end = await vnet(['guest', '--', './text'], { cwd })
  expect([end.status, end.stdout, complaints(end)]).toEqual([
    126,
    '',
    [expect.stringContaining('./text')],
  ])
})

const own = fileDirectory()

test('a program that the guest lacks is added, once, and the run starts again', async () => {
  const bin = join(own, 'bin')
  mkdirSync(bin)
  writeFileSync(join(bin, 'my-program'), '#!/bin/sh\necho mine "$@"\n')
  chmodSync(join(bin, 'my-program'), 0o755)
  const env = {
    PATH: `${bin}:${process.env.PATH}`,
    XDG_CACHE_HOME: cacheWithKernel(join(own, 'cache')),
  }
  const first = await shell('echo before; my-program word', { cwd, env })
  expect([first.status, first.stdout.split('\n').slice(-3)]).toEqual([
    0,
    ['before', 'mine word', ''],
  ])
  expect(first.stderr).toMatch(/^vnet: the guest gets .*my-program, and starts again$/m)
  const second = await shell('echo before; my-program word', { cwd, env })
  expect([second.status, second.stdout]).toEqual([0, 'before\nmine word\n'])
  expect(second.stderr).not.toContain('starts again')
})

test('a program of the directory runs', async () => {
  writeFileSync(at('own.sh'), '#!/bin/sh\necho own\n')
  chmodSync(at('own.sh'), 0o755)
  expect(await vnet(['guest', '--', './own.sh'], { cwd })).toMatchObject({
    status: 0,
    stdout: 'own\n',
  })
})

test('a run that is verified writes its files once, and prints the SHA-256', async () => {
  const end = await shell(
    'cat file 2>/dev/null; cat /proc/sys/kernel/random/uuid | tee -a file',
    { cwd },
    '--verify',
  )
  expect([end.status, end.stdout]).toEqual([0, expect.stringMatching(/^[0-9a-f-]{36}\n$/)])
  expect(end.stderr).toMatch(/^vnet: both runs are the same, with sha256 [0-9a-f]{64}$/m)
  expect(existsSync(at('file')) && readFileSync(at('file'), 'utf8')).toBe(end.stdout)
})
