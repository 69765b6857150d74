import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { getgrnam, getpwnam } from '../../src/kernel/libc.ts'

test('users and groups are found by name, as id(1) and getent(1) find them', () => {
  expect([getpwnam('root'), getgrnam('root')]).toEqual([0, 0])
  expect(getpwnam('nobody')).toBe(Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' })))
  const group = readFileSync('/etc/group', 'utf8').trim().split('\n').at(-1)?.split(':') ?? []
  expect(getgrnam(group[0])).toBe(Number(group[2]))
})

test('a user or group that is not there is undefined', () => {
  expect([getpwnam('no such user'), getgrnam('no such group'), getpwnam('')]).toEqual([undefined, undefined, undefined])
})
