/** On another operating system, commands without interfaces run, and others refuse in one line. */
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { PING, programsIn, refusal } from './other-system.ts'

const { run, vnet } = programsIn(freshDirectory())

test('on darwin, a command that opens interfaces is refused in one line with exit status 1', () => {
  expect(vnet('darwin', 'cable a b')).toEqual({
    status: 1,
    stdout: '',
    stderr: `vnet: ${refusal('darwin')}\n`,
  })
})

test('on win32, a driver runs in memory', () => {
  expect(run('win32', PING)).toEqual({ status: 0, stdout: '1\n', stderr: '' })
})
