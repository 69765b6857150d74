/** Other processes by thread id, which may be reused. */
import { closeSync, openSync } from 'node:fs'
import { expect, test } from 'vitest'
import { EBADF, EFAULT, ENOTSOCK, ESRCH } from '#src/base/errno.ts'
import { loadNative, type Native } from '#src/linux/native.ts'
import { OtherProcesses } from '../../src/other-process.ts'

/** A kernel that numbers pidfds from 100 on. Those in `gone` belong to threads that ended. */
function processes(native: Partial<Native> = {}) {
  const gone = new Set<number>()
  const open = new Set<number>()
  let next = 100
  const some: Partial<Native> = {
    getsockopt: () => -ENOTSOCK,
    pidfdOpen() {
      open.add(next)
      return next++
    },
    pidfdGetfd: (pidfd, fd) => (gone.has(pidfd) ? -ESRCH : pidfd * 1000 + fd),
    close(fd) {
      open.delete(fd)
      return 0
    },
    ...native,
  }
  return {
    others: new OtherProcesses(some as Native, { fd: 3, inode: 1 }, () => 'socket:[7]'),
    gone,
    open,
  }
}

test('a thread id that was reused refers to the new thread', () => {
  const { others, gone, open } = processes()
  const descriptor = () => others.withDescriptor(7, 5, fd => fd)
  expect([descriptor(), descriptor()]).toEqual([100_005, 100_005])
  gone.add(100)
  expect(descriptor()).toBe(101_005)
  expect([...open]).toEqual([101])
})

test('pidfds of the 64 most recent threads are kept, and closed with the object', () => {
  const { others, open } = processes()
  for (let pid = 1; pid <= 100; pid++) {
    others.withDescriptor(pid, 0, () => {})
  }
  expect([open.size, Math.min(...open)]).toEqual([64, 136])
  others.close()
  expect(open.size).toBe(0)
})

test('memory that is partly unmapped is EFAULT', () => {
  const { others } = processes({ processVmReadv: () => 39 })
  expect(others.read(1, 0n, new Uint8Array(40))).toBe(-EFAULT)
})

test('memory is written only inside inMemoryOf, which needs a thread that still waits', () => {
  const others = new OtherProcesses(loadNative(), { fd: 0, inode: 1 })
  const [bytes, calls] = [Uint8Array.of(1), [] as string[]]
  expect(others.write(4096n, bytes)).toBe(-EFAULT)
  const still = (answer: boolean) => () => {
    calls.push('still')
    return answer
  }
  const write = () => {
    calls.push('write')
    return others.write(16n, bytes)
  }
  expect(others.inMemoryOf(process.pid, still(false), write)).toBeUndefined()
  expect(others.inMemoryOf(process.pid, still(true), write)).toBe(-EFAULT)
  expect(others.inMemoryOf(-1, still(true), write)).toBeUndefined()
  expect(calls).toEqual(['still', 'still', 'write'])
})

test('only sockets are taken from another process', () => {
  const others = new OtherProcesses(loadNative(), { fd: 0, inode: 1 })
  const file = openSync('/dev/null', 'r')
  try {
    expect(others.descriptor(process.pid, file)).toBe(-ENOTSOCK)
    expect([others.isFree(process.pid, file), others.isFree(process.pid, 54_321)]).toEqual([
      false,
      true,
    ])
    expect(others.descriptor(process.pid, 54_321)).toBe(-EBADF)
  } finally {
    closeSync(file)
    others.close()
  }
})
