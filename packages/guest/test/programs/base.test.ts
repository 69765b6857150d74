/** The files of the base image on this machine, without making the image. */
import { chmodSync, existsSync, mkdirSync, realpathSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { baseTree, guestPath } from '../../src/image/base.ts'
import type { Tree } from '../../src/image/tree.ts'
import { kernelWith } from '../support/kernel-modules.ts'

const directory = fileDirectory()
const at = (name: string) => join(directory, name)
const INIT = 'S 0 777 0 0 /sbin/vnet-guest'

function program(name: string, text: string): void {
  mkdirSync(dirname(at(name)), { recursive: true })
  writeFileSync(at(name), text)
  chmodSync(at(name), 0o755)
}

function treeWith(programs: readonly string[], files: readonly string[] = []): Tree {
  const kernel = kernelWith(at('modules'), {
    'kernel/net/llc/llc.ko': [],
    'kernel/drivers/ata/libata.ko': [],
  })
  return baseTree({ programs, files, init: at('init'), kernel, directory: at('project') })
}

const found: { tree?: Tree } = {}

/** The definition of a path: where its file or its link leads. */
function placeOf(path: string): string | undefined {
  const lines = found.tree?.definitions(() => '/text').split('\n') ?? []
  return lines.find(line => line.startsWith(`${path} `))?.slice(path.length + 1)
}

beforeAll(() => {
  vi.stubEnv('XDG_CACHE_HOME', at('cache'))
  writeFileSync(at('init'), '')
  program('files/below/file', '')
  program('bin/script', '#!/usr/bin/env interpreter\n')
  program('bin/interpreter', '#!/bin/sh\n')
  for (const name of ['bin/other', 'project/bin/own', 'node_modules/.bin/own']) {
    program(name, '#!/bin/sh\n')
  }
  program('node_modules/tool/cli.js', '#!/usr/bin/env node\n')
  program('node_modules/tool/node_modules/other/index.js', '')
  symlinkSync('../node_modules/tool/cli.js', at('bin/tool'))
  symlinkSync(process.execPath, at('bin/own-node'))
  // Neither the usual programs nor what finds packages and libraries: they are in the slow test.
  vi.stubEnv('PATH', ['bin', 'project/bin', 'node_modules/.bin'].map(at).join(':'))
  found.tree = treeWith(['script', 'tool'], [at('files')])
})

afterAll(() => vi.unstubAllEnvs())

test('the image has a shell, Node, and vnet with its addon', () => {
  const has = (path: string) => found.tree?.has(path)
  for (const path of ['/bin/sh', '/usr/bin/env', process.execPath, '/etc/passwd']) {
    expect(has(realpathSync(path)), path).toBe(true)
  }
  const names = found.tree?.paths ?? []
  const zone = '/usr/share/zoneinfo/Asia/Tokyo'
  expect(has(zone)).toBe(existsSync(zone))
  const ours = ['dist/vnet.js', 'build/Release/vnet.node', 'packages/lab/dist/index.js']
  for (const name of [...ours, 'node_modules/yaml/package.json']) {
    expect(has(join(process.cwd(), name)), name).toBe(true)
  }
  expect(names.filter(path => path.startsWith(join(process.cwd(), 'src/')))).toEqual([])
  expect(
    names.filter(path => path.startsWith(process.cwd()) && /\.(d\.ts|map|md)$/.test(path)),
  ).toEqual([])
})

test('the image has modules for networks, with their table, and init as modprobe', () => {
  const modules = join(realpathSync('/lib'), 'vnet-guest')
  expect(found.tree?.paths.filter(path => path.startsWith(`${modules}/`))).toEqual([
    join(modules, 'llc.ko'),
    join(modules, 'modules'),
  ])
  expect(placeOf(join(realpathSync('/sbin'), 'modprobe'))).toBe(INIT)
})

test('every user has an account without a password, so that root can become that user', () => {
  const texts: string[] = []
  found.tree?.definitions(content => `/${texts.push(new TextDecoder().decode(content))}`)
  expect(texts.find(text => text.startsWith('root:'))).toMatch(/^root:\*:1:0:99999:7:::\n/)
})

test('a program of PATH that is not in the image is a link to init', () => {
  expect(placeOf(at('bin/other'))).toBe(INIT)
})

test('a script that is named is in the image, with its interpreter', () => {
  expect(placeOf(at('bin/script'))).toBe(`l ${at('bin/script')}`)
  expect(placeOf(at('bin/interpreter'))).toBe(`l ${at('bin/interpreter')}`)
})

test('a script for Node that is named is in the image, with its package', () => {
  expect(placeOf(at('bin/tool'))).toBe('S 0 777 0 0 ../node_modules/tool/cli.js')
  for (const name of ['cli.js', 'node_modules/other/index.js']) {
    expect(placeOf(at(`node_modules/tool/${name}`))).toBe(`l ${at(`node_modules/tool/${name}`)}`)
  }
})

test('a link in PATH to a program that the image has is kept', () => {
  expect(placeOf(at('bin/own-node'))).toBe(`S 0 777 0 0 ${process.execPath}`)
})

test('a directory that is named comes with everything in it', () => {
  expect(placeOf(at('files/below/file'))).toBe(`l ${at('files/below/file')}`)
})

test('a name without a program, a file that is not executable, and a missing file are refused in one line', () => {
  expect(() => treeWith(['no-such'])).toThrow(
    'no program no-such in PATH: install it, or give its path',
  )
  expect(() => treeWith([at('init')])).toThrow(`${at('init')} is not a program`)
  expect(() => treeWith([], [at('none')])).toThrow(`${at('none')} does not exist`)
})

test("a program in the user's directory, or of npm, is not linked to init", () => {
  for (const name of ['project/bin/own', 'node_modules/.bin/own']) {
    expect(placeOf(at(name))).toBeUndefined()
  }
})

test("the machine's PATH is this one with sbin", () => {
  expect(guestPath()).toEqual(expect.arrayContaining([at('bin'), at('project/bin'), '/usr/sbin']))
})
