import { constants } from 'node:os'
import { describe, expect, test } from 'vitest'
import * as errnos from '../../src/base/errno.ts'
import { EBUSY, EINVAL, errnoName, errnoText, VnetError } from '../../src/base/errno.ts'
import { check } from '../../src/linux/errno.ts'

/** Second names of numbers in the table. */
const ALIASES = new Set(['EWOULDBLOCK', 'EDEADLOCK', 'ENOTSUP'])

describe('the table', () => {
  test('the errno table agrees with every number that Node knows', () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      if (!ALIASES.has(name)) expect([name, errnoName(number)]).toEqual([name, name])
    }
  })

  test('the errno table has each number from 1 to 133 once, except the two that Linux leaves out', () => {
    const numbers = Array.from({ length: 134 }, (_, i) => i + 1)
    expect(numbers.filter(number => errnoName(number) === `E${number}`)).toEqual([41, 58, 134])
    expect(new Set(numbers.map(errnoName)).size).toBe(numbers.length)
  })

  test('each errno constant has its own name', () => {
    for (const [name, value] of Object.entries(errnos)) {
      if (typeof value === 'number') expect(errnoName(value)).toBe(name)
    }
  })
})

test('names and texts take numbers of either sign', () => {
  expect([errnoName(EBUSY), errnoName(-EBUSY)]).toEqual(['EBUSY', 'EBUSY'])
  expect(errnoText(-EBUSY)).toBe('device or resource busy')
  expect([errnoName(524), errnoText(524)]).toEqual(['E524', 'unknown error'])
})

describe('a VnetError', () => {
  test('a VnetError says what failed and why', () => {
    const error = new VnetError(-EBUSY, 'TUNSETIFF vnet0')
    expect(error).toMatchObject({ name: 'VnetError', code: 'EBUSY', errno: EBUSY, syscall: 'TUNSETIFF vnet0' })
    expect(error.message).toBe('TUNSETIFF vnet0: EBUSY, device or resource busy')
    expect(error.advice).toBeUndefined()
    expect(error).toBeInstanceOf(Error)
  })

  test('a VnetError ends with its advice, on one line', () => {
    const cause = new Error('below')
    const error = new VnetError(EINVAL, 'RTM_NEWADDR', 'the kernel said:\n  too much', { cause })
    expect(error.message).toBe('RTM_NEWADDR: EINVAL, invalid argument; the kernel said: too much')
    expect(error.advice).toBe('the kernel said:\n  too much')
    expect(error.cause).toBe(cause)
  })
})

describe('check', () => {
  test('check returns results', () => {
    expect([check(0, 'close'), check(7, 'open')]).toEqual([0, 7])
  })

  test('check throws failures', () => {
    expect(() => check(-EBUSY, 'bind', 'stop the other one')).toThrow(
      new VnetError(EBUSY, 'bind', 'stop the other one'),
    )
  })
})
