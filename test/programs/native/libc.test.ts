import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { getgrnam, getpwnam } from '#src/linux/ffi.ts'

test('getpwnam and getgrnam find the same users and groups as id(1) and getent(1)', () => {
  expect([getpwnam('root'), getgrnam('root')]).toEqual([0, 0])
  expect(getpwnam('nobody')).toBe(
    Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' })),
  )
  const group = readFileSync('/etc/group', 'utf8').trim().split('\n').at(-1)?.split(':') ?? []
  expect(getgrnam(group[0])).toBe(Number(group[2]))
})

test('getpwnam and getgrnam return undefined for unknown names', () => {
  expect([getpwnam('no such user'), getgrnam('no such group'), getpwnam('')]).toEqual([
    undefined,
    undefined,
    undefined,
  ])
})
