/**
 * The module of packages/learn/docs/to-the-kernel.md is compiled as that page says, with the
 * headers of the newest kernel that the machine has them of. It is not loaded.
 */
import { execFileSync } from 'node:child_process'
import { cpSync } from 'node:fs'
import { basename, dirname } from 'node:path'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { HEADERS_PACKAGE, kernelHeaders } from '../../../scripts/setup/kernel-headers.mjs'

test('examples/to-the-kernel compiles without a warning to a module with the parameters of mirror.js', () => {
  const headers = kernelHeaders()
  if (headers === undefined) {
    expect.fail(`the kernel's headers are missing: sudo apt-get install ${HEADERS_PACKAGE}`)
  }
  const directory = testDirectory()
  cpSync('examples/to-the-kernel', directory, { recursive: true })
  const options = { cwd: directory, encoding: 'utf8', stdio: 'pipe' } as const
  execFileSync('make', [`KDIR=${headers}`], options)
  const PATH = `${process.env.PATH}:/usr/sbin:/sbin`
  const about = execFileSync('modinfo', ['mirror.ko'], {
    ...options,
    env: { ...process.env, PATH },
  })
  const field = (name: string) =>
    [...about.matchAll(RegExp(`^${name}: +(.*)$`, 'gm'))].map(([, value]) => value)
  expect(field('name')).toEqual(['mirror'])
  expect(field('license')).toEqual(['Dual MIT/GPL'])
  expect(field('vermagic')[0]?.split(' ')[0]).toBe(basename(dirname(headers)))
  expect(field('parm').map(text => text?.split(':')[0])).toEqual(['delay', 'buffers', 'lockup'])
})
