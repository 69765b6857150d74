import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { directoriesOf, interpretersOf } from '../../src/image/scripts.ts'

const directory = freshDirectory()

test.each([
  ['#!/bin/sh\n', ['/bin/sh']],
  ['#! /usr/bin/perl -w\n', ['/usr/bin/perl']],
  ['#!/usr/bin/env node\n', ['/usr/bin/env', '/found/node']],
  ['#!/usr/bin/env -S A=1 node --flag\n', ['/usr/bin/env', '/found/node']],
  ['#!/usr/bin/env\n', ['/usr/bin/env']],
  ['#!sh\n', []],
  ['\x7fELF', []],
  ['', []],
])('a file that starts with %j needs %j', (start, expected) => {
  expect(interpretersOf(start, name => `/found/${name}`)).toEqual(expected)
})

test('a script for Node brings its package', () => {
  expect(directoriesOf('/usr/lib/node_modules/npm/bin/npm-cli.js', '#!')).toEqual([
    '/usr/lib/node_modules/npm',
  ])
  expect(directoriesOf('/x/node_modules/@a/b/c.js', '#!')).toEqual(['/x/node_modules/@a/b'])
})

test('a Python brings its library, and a script for Python the packages beside it', () => {
  const lib = join(directory, 'lib/python3.11')
  mkdirSync(lib, { recursive: true })
  mkdirSync(join(directory, 'lib/python3.11-config'))
  expect(directoriesOf(join(directory, 'bin/python3.11'), '\x7fELF')).toEqual([lib])
  expect(directoriesOf(join(directory, 'bin/pytest'), '#!/usr/bin/python3\n')).toEqual([
    join(lib, 'site-packages'),
    join(lib, 'dist-packages'),
  ])
  expect(directoriesOf(join(directory, 'bin/other'), '#!/bin/sh\n')).toEqual([])
})
