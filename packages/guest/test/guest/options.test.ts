/** The options of `vnet guest`. */
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { complaints, digestOf, shell } from '../support/guest-runs.ts'

const directory = fileDirectory()
const cwd = join(directory, 'project')
mkdirSync(cwd)

test('the same seed gives the same random numbers, and another seed gives others', async () => {
  const script = 'cat /proc/sys/kernel/random/uuid; head -c 8 /dev/urandom | od -An -tx1; mktemp -u'
  const ends = []
  for (const seed of ['1', '1', '2']) {
    ends.push(await shell(script, { cwd }, '--seed', seed))
  }
  const [one, again, other] = ends.map(({ stdout }) => stdout.split('\n'))
  expect(again).toEqual(one)
  expect([other?.[0] === one?.[0], other?.[1] === one?.[1], other?.[2] === one?.[2]]).toEqual([
    false,
    false,
    false,
  ])
  const digests = ends.map(digestOf)
  expect([digests[0] === digests[1], digests[0] === digests[2]]).toEqual([true, false])
})

test('time starts at 2026, in UTC, or at the date that is given', async () => {
  const usual = await shell('date +%FT%T%Z', { cwd })
  expect(usual.stdout).toBe('2026-01-01T00:00:00UTC\n')
  const given = await shell(
    'date +%FT%T%Z',
    { cwd, env: { TZ: 'Asia/Tokyo' } },
    '--date',
    '1999-12-31T23:59:59Z',
  )
  expect(given.stdout).toBe('1999-12-31T23:59:59UTC\n')
})

test('a command has only the variables that are given', async () => {
  const env = { FROM_HERE: 'here', NOT_GIVEN: 'secret' }
  const { stdout } = await shell(
    'env',
    { cwd, env },
    '--env',
    'FROM_HERE',
    '--env',
    'OTHER=two = words',
  )
  const names = stdout.split('\n').map(line => line.split('=')[0])
  expect(stdout).toContain('FROM_HERE=here\n')
  expect(stdout).toContain('OTHER=two = words\n')
  expect(names).toEqual(expect.arrayContaining(['HOME', 'LANG', 'PATH', 'VNET_GUEST']))
  expect(stdout).not.toContain('secret')
})

test('files that are named are in the guest, and others are not', async () => {
  const named = join(directory, 'named')
  mkdirSync(named)
  writeFileSync(join(named, 'file'), 'named\n')
  writeFileSync(join(directory, 'other'), 'other\n')
  const script = `cat ${named}/file; cat ${directory}/other`
  const end = await shell(script, { cwd }, '--file', named)
  expect([end.status, end.stdout, complaints(end).length]).toEqual([1, 'named\n', 1])
})

test('the first run has a program named by --program', async () => {
  const program = join(directory, 'tool')
  writeFileSync(program, '#!/bin/sh\necho tool\n')
  chmodSync(program, 0o755)
  const end = await shell(program, { cwd }, '--program', program)
  expect([end.status, end.stdout, complaints(end)]).toEqual([0, 'tool\n', []])
})

test('the guest has the memory that is given', async () => {
  const total = async (mib: string) =>
    Number(
      (
        await shell(
          "free -m | awk '/^Mem/ { print $2 }'",
          { cwd },
          '--memory',
          mib,
          '--program',
          'free',
        )
      ).stdout,
    )
  const [small, large] = [await total('512'), await total('2048')]
  expect([small > 400 && small <= 512, large > 1900 && large <= 2048]).toEqual([true, true])
})

test.each([
  { args: ['--memory', '12'], line: /--memory/ },
  { args: ['--seed', 'x'], line: /--seed/ },
  { args: ['--date', 'tomorrow'], line: /--date .*must be a date/ },
  {
    args: ['--env', 'NO_SUCH_VARIABLE'],
    line: /--env NO_SUCH_VARIABLE: there is no such variable/,
  },
  { args: ['--sed', '1'], line: /--sed/ },
])('$args ends with 2 and one line', async ({ args, line }) => {
  const end = await shell('echo never', { cwd }, ...args)
  expect([end.status, end.stdout, end.stderr.trimEnd().split('\n')]).toEqual([
    2,
    '',
    [expect.stringMatching(line)],
  ])
})

test.each([
  { args: ['--program', 'no-such-program'], line: /^vnet: no program no-such-program in PATH/ },
  { args: ['--file', '/no/such/file'], line: /^vnet: \/no\/such\/file does not exist$/ },
  { args: ['--directory', 'none'], line: /none/ },
])('$args, which does not exist, ends with one line', async ({ args, line }) => {
  const end = await shell('echo never', { cwd }, ...args)
  expect([end.status, end.stdout, complaints(end)]).toEqual([
    expect.any(Number),
    '',
    [expect.stringMatching(line)],
  ])
  expect([1, 2]).toContain(end.status)
})
