/** Closing descriptors of the addon: what it does not own is reported, and hides no other error. */
import { closeSync, fstatSync, openSync } from 'node:fs'
import { expect, onTestFinished, test, vi } from 'vitest'
import { closeAside } from '#src/linux/aside.ts'
import { check, closeFd, closeFds, closing, closingOnError } from '#src/linux/errno.ts'
import { native } from './support.ts'

const open = () => check(native.open('/dev/null', 0, -1), 'open')
const isOpen = (fd: number) => {
  try {
    return fstatSync(fd).isCharacterDevice()
  } catch {
    return false
  }
}
const NOT_OWNED = /^close descriptor \d+: EBADF/

test('a descriptor that is closed twice, or that Node has opened, is an error', () => {
  const fd = open()
  closeFd(native, fd)
  expect(() => closeFd(native, fd)).toThrow(NOT_OWNED)
  const file = openSync('/dev/null', 'r')
  expect(() => closeFd(native, file)).toThrow(NOT_OWNED)
  expect(isOpen(file)).toBe(true)
  closeSync(file)
})

test('closing several descriptors closes all it can, and reports the other', () => {
  const [one, two] = [open(), open()]
  const file = openSync('/dev/null', 'r')
  expect(() => closeFds(native, [one, file, two])).toThrow(`close descriptor ${file}: EBADF`)
  expect([one, two].map(isOpen)).toEqual([false, false])
  closeSync(file)
})

test('a thread refuses to close what the addon does not own, and the others are closed', async () => {
  const fd = open()
  const file = openSync('/dev/null', 'r')
  await expect(closeAside(native, [file, fd])).rejects.toThrow(NOT_OWNED)
  expect([fd, file].map(isOpen)).toEqual([false, true])
  closeSync(file)
})

test('a descriptor is closed after the function, or when its promise is settled', async () => {
  const seen: number[] = []
  expect(closing(native, open(), fd => seen.push(fd))).toBe(1)
  const later = closing(native, open(), async fd => seen.push(fd))
  expect(isOpen(seen[1] as number)).toBe(true)
  expect(await later).toBe(2)
  const rejected = closing(native, open(), async fd => {
    seen.push(fd)
    throw new Error('later')
  })
  await expect(rejected).rejects.toThrow('later')
  const thrown = () => {
    throw new Error('now')
  }
  seen.push(open())
  expect(() => closing(native, seen.at(-1) as number, thrown)).toThrow('now')
  seen.push(open())
  expect(() => closingOnError(native, [seen.at(-1) as number], thrown)).toThrow('now')
  seen.push(open())
  await expect(
    closingOnError(native, [seen.at(-1) as number], async () => thrown()),
  ).rejects.toThrow('now')
  expect(seen.map(isOpen)).toEqual(seen.map(() => false))
})

test('a failed close after an error is a warning, and the error remains', () => {
  const warn = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warn.mockRestore())
  const file = openSync('/dev/null', 'r')
  const failing = () => {
    throw new Error('the first error')
  }
  expect(() => closing(native, file, failing)).toThrow('the first error')
  expect(warn.mock.calls).toEqual([[expect.stringMatching(NOT_OWNED), 'VnetWarning']])
  closeSync(file)
})

test('without an error, a failed close is the error', () => {
  const file = openSync('/dev/null', 'r')
  expect(() => closing(native, file, () => 1)).toThrow(NOT_OWNED)
  closeSync(file)
})
