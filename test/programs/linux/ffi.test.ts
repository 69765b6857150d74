import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { findLibrary, SharedLibrary } from '#src/linux/ffi.ts'
import { testDirectory } from '#support/fresh-directory.ts'

const libc = new SharedLibrary('libc.so.6')

test('int passes numbers and buffers, and returns an int', () => {
  expect(libc.int('abs', -7)).toBe(7)
  expect(libc.int('strtol', Buffer.from('42 more\0'), 0n, 10)).toBe(42)
})

test('C writes into a buffer that it is given', () => {
  const buffer = Buffer.alloc(8)
  libc.int('memset', buffer, 0x5a, 6)
  expect([...buffer]).toEqual([0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0x5a, 0, 0])
})

test('address returns a pointer that can be passed back, and 0n for NULL', () => {
  const pointer = libc.address('strdup', Buffer.from('text\0'))
  const copy = Buffer.alloc(4)
  libc.address('memcpy', copy, pointer, 4)
  libc.int('free', pointer)
  expect(copy.toString()).toBe('text')
  expect(libc.address('getenv', Buffer.from('VNET_NO_SUCH_VARIABLE\0'))).toBe(0n)
})

test('isInstalled reports whether a library can be opened', () => {
  expect(libc.isInstalled()).toBe(true)
  expect(new SharedLibrary('libvnet-none.so.1').isInstalled()).toBe(false)
})

test('a library is searched for and opened once', () => {
  const open = vi.spyOn(createRequire(import.meta.url)('ffi-rs'), 'open')
  onTestFinished(() => open.mockRestore())
  const sonames = ['libvnet-none.so.1', 'libm.so.6']
  const libm = findLibrary(sonames)
  expect(findLibrary(sonames)).toBe(libm)
  expect(libm?.int('abs', -7)).toBe(7)
  expect(open.mock.calls.map(([given]) => (given as { library: string }).library)).toEqual(sonames)
  expect(findLibrary(['libvnet-none.so.1'])).toBeUndefined()
})

test('a worker that has used a library ends without ending the process', () => {
  const script = `
    import { once } from 'node:events'
    import { isMainThread, Worker } from 'node:worker_threads'
    import { SharedLibrary } from '${import.meta.dirname}/../../../dist/linux/ffi.js'
    if (isMainThread) {
      await once(new Worker(new URL(import.meta.url)), 'exit')
      console.log('continues')
    } else new SharedLibrary('libc.so.6').int('abs', -7)`
  const directory = testDirectory()
  const file = join(directory, 'worker.mjs')
  writeFileSync(file, script)
  const { signal, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
  expect([signal, stdout, stderr]).toEqual([null, 'continues\n', ''])
})

test('loading ffi-rs asks DNS for no address of a socket, and leaves reports as they were', () => {
  const script = `
    import { SharedLibrary } from '${import.meta.dirname}/../../../dist/linux/ffi.js'
    const { report } = process
    const getReport = report.getReport.bind(report)
    report.getReport = () => {
      console.log(report.excludeNetwork)
      return getReport()
    }
    new SharedLibrary('libc.so.6').int('abs', -7)
    console.log(report.excludeNetwork)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
  })
  expect([stdout, stderr]).toEqual(['true\nfalse\n', ''])
})
