/** What users are advised to do if a TAP cannot be opened: it fits their rights, and the API. */
import { expect, test } from 'vitest'
import { EACCES, EEXIST, EINVAL, ENOENT, EPERM } from '#src/base/errno.ts'
import { openAdvice, setiffAdvice } from '#src/linux/tap/tap.ts'

const MODE = 'its mode is for root alone: sudo chmod 666 /dev/net/tun'

test('the mode of the device is all that a program with CAP_NET_ADMIN lacks', () => {
  expect(openAdvice(EACCES, -1, true)).toBe(MODE)
})

test('a program without CAP_NET_ADMIN can also run rootless, or as root', () => {
  const others = /^, for vnet rootless -- COMMAND or a persistent interface of your own; or sudo \S/
  const advice = openAdvice(EACCES, -1, false) ?? ''
  expect(advice.slice(0, MODE.length)).toBe(MODE)
  expect(advice.slice(MODE.length)).toMatch(others)
})

test('a device that the container forbids or lacks is not a matter of capabilities', () => {
  for (const isAdmin of [true, false]) {
    expect(openAdvice(EPERM, -1, isAdmin)).toContain('this container may not use the device')
    expect(openAdvice(ENOENT, -1, isAdmin)).toContain('the device is missing')
  }
})

test('a name that is in use has advice that names no option of a command', () => {
  for (const error of [EEXIST, EINVAL]) {
    expect(setiffAdvice(error, -1, true)).toMatch(/: choose another name$/)
  }
})
