/** Ends of processes, each in a process of its own. */
import { expect, test } from 'vitest'
import { run } from './support.ts'

test('exec gives the program the named descriptors', async () => {
  const { code, stdout } = await run(`
    const fd = require('node:fs').openSync('/dev/null', 'r')
    native.exec(['/bin/sh', '-c', 'readlink /proc/$$/fd/$1', 'sh', String(fd)], Int32Array.of(fd))`)
  expect([code, stdout]).toEqual([0, '/dev/null\n'])
})

test('endAs ends the process with the given status, also for a signal that ends no process', async () => {
  expect(await run('native.endAs(42, 0)')).toMatchObject({ code: 42, signal: null })
  expect(await run('native.endAs(42, 17)')).toMatchObject({ code: 42, signal: null })
})
