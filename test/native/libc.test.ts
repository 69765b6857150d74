import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { capNetAdmin, geteuid, getgrnam, getpwnam } from '../../src/kernel/libc.ts'

test("geteuid is the process's own", () => {
  expect(geteuid()).toBe(process.geteuid?.())
})

test('capNetAdmin is bit 12 of the effective capabilities', () => {
  const effective = /CapEff:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? ''
  expect(capNetAdmin()).toBe((BigInt(`0x${effective}`) & (1n << 12n)) !== 0n)
})

test('users and groups are found by name, as id(1) and getent(1) find them', () => {
  expect([getpwnam('root'), getgrnam('root')]).toEqual([0, 0])
  expect(getpwnam('nobody')).toBe(Number(execFileSync('id', ['-u', 'nobody'], { encoding: 'utf8' })))
  const group = readFileSync('/etc/group', 'utf8').trim().split('\n').at(-1)?.split(':') ?? []
  expect(getgrnam(group[0])).toBe(Number(group[2]))
})

test('a user or group that is not there is undefined', () => {
  expect([getpwnam('no such user'), getgrnam('no such group'), getpwnam('')]).toEqual([undefined, undefined, undefined])
})
