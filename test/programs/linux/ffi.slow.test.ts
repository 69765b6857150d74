/** A library of C in a worker of vitest that has a context of its own, and without ffi-rs. */
import { spawnSync } from 'node:child_process'
import { cpSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { testDirectory } from '#support/fresh-directory.ts'

test('a worker that has used a library in a context of vitest ends without ending the process', () => {
  using consumer = new Consumer()
  consumer.write(
    'a.test.js',
    `import { test } from 'vitest'
     import { SharedLibrary } from 'vnet/built/linux/ffi'
     test('passes', () => { new SharedLibrary('libc.so.6').int('abs', -7) })`,
  )
  const { status, stdout } = consumer.vitest(['--pool=vmThreads'])
  expect(stdout).toMatch(/Tests +1 passed/)
  expect(status).toBe(0)
})

test('one line says why ffi-rs cannot be loaded', () => {
  const directory = testDirectory()
  for (const room of ['base', 'linux']) {
    cpSync(join(import.meta.dirname, '../../../dist', room), join(directory, room), {
      recursive: true,
    })
  }
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  const script = `
    import { SharedLibrary } from '${directory}/linux/ffi.js'
    try { new SharedLibrary('libc.so.6').isInstalled() } catch (error) { console.log(error.message) }`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  const advice =
    "Cannot find module 'ffi-rs': not installed, or root may not read it without --keep-privileges"
  expect([stdout, stderr]).toEqual([`load ffi-rs: EACCES, permission denied; ${advice}\n`, ''])
})
