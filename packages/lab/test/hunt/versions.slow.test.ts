/** The versions of a client: its version, its script and its libraries. */
import { execFileSync } from 'node:child_process'
import { delimiter, join, relative } from 'node:path'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { isInstalled } from '../../../../scripts/setup/command.mjs'
import { versionsOf } from '../../src/hunt/versions.ts'

const directory = freshDirectory()

beforeEach(() => {
  vi.stubEnv('PATH', `${directory}${delimiter}${process.env.PATH}`)
})
afterEach(() => {
  vi.unstubAllEnvs()
})

/** Writes a program of sh(1) into the first directory of PATH. */
function program(name: string, text: string): string {
  const path = written(directory, name, `#!/bin/sh\n${text}\n`)
  execFileSync('chmod', ['+x', path])
  return path
}

const SYSTEM = /^Linux \S+ \S+, \S/

test('a program that is in no package is asked for its version', async () => {
  // A script of sh(1) would be quoted.
  const name = program('made-client', '')
  execFileSync('cp', ['/bin/true', name])
  const { lines, scripts } = await versionsOf(`exec LANG=C 'made-client' -q http://server/`)
  expect(lines[0]).toMatch(/^true \(GNU coreutils\)/)
  expect(lines.at(-1)).toMatch(SYSTEM)
  expect(scripts).toEqual([])
})

test('a program that is a script is quoted, and its interpreter has the version', async () => {
  program('made-sh', 'exec echo made-sh 7.5')
  const path = written(directory, 'client', '#!/usr/bin/env made-sh\nuse Nothing;\n')
  execFileSync('chmod', ['+x', path])
  const { lines, scripts } = await versionsOf(`${path} http://server/`)
  expect(lines[0]).toBe('made-sh 7.5')
  expect(scripts).toEqual([{ path: 'client', text: '#!/usr/bin/env made-sh\nuse Nothing;\n' }])
})

test('code as an argument is no file, however long it is', async () => {
  const { lines, scripts } = await versionsOf(`sh -c '${'true; '.repeat(1000)}'`)
  expect([lines.length, scripts]).toEqual([2, []])
})

test('a script is found in the directory of vnet', async () => {
  written(directory, 'own.sh', 'exit')
  const path = relative(process.cwd(), join(directory, 'own.sh'))
  const { scripts } = await versionsOf(`sh "$VNET_CWD"/${path}`)
  expect(scripts).toEqual([{ path: 'own.sh', text: 'exit' }])
})

test('a long script is named by its hash', async () => {
  const path = written(directory, 'long.sh', `exit # ${'x'.repeat(5000)}\n`)
  const { lines, scripts } = await versionsOf(`sh ${path}`)
  expect(scripts).toEqual([])
  expect(lines).toContainEqual(
    expect.stringMatching(/^the script long\.sh: 5008 characters, SHA-256 /),
  )
})

test('the libraries of a script and of a command line have their versions', async () => {
  const perl = written(directory, 'mirror.pl', 'use strict;\nuse HTTP::Tiny;\nHTTP::Tiny->new\n')
  const { lines, scripts } = await versionsOf(`perl -MSocket ${perl} http://server/`)
  expect(lines).toContainEqual(expect.stringMatching(/^HTTP::Tiny \d/))
  expect(lines).toContainEqual(expect.stringMatching(/^Socket \d/))
  expect(scripts.map(({ path }) => path)).toEqual(['mirror.pl'])
})

test.runIf(isInstalled('dpkg-query'))('a program of Debian has its package', async () => {
  const [, version] = /^Version: (.*)$/m.exec(
    execFileSync('dpkg-query', ['-s', 'perl-base']).toString(),
  ) as RegExpExecArray
  const { lines } = await versionsOf('/usr/bin/perl -e 1')
  expect(lines[0]).toBe(`perl ${version} (Debian package perl-base)`)
})
