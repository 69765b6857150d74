import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EAGAIN, EIO, ENOBUFS } from '#src/base/errno.ts'
import type { Notification } from '../src/seccomp.ts'
import type { Supervision } from '../src/supervision.ts'
import { type Wait, Waits } from '../src/waits.ts'

let results: number[]
let closed: number[]
let defects: unknown[]
/** Makes the socket of the last wait readable. */
let readable: () => void
let waits: Waits
let thread: { state: string; pending: bigint; sharedPending: bigint; blocked: bigint }
/** Whether another thread of the process has stopped. */
let stopping: boolean

const poller = {
  start: () => 0,
  stop: () => 0,
  watch: () => 0,
  ref: () => 0,
  unref: () => 0,
  close: () => 0,
}

beforeEach(() => {
  vi.useFakeTimers()
  ;[results, closed, defects] = [[], [], []]
  const native = {
    createPoller: (_: number, fn: () => void) => {
      readable = fn
      return poller
    },
    ioctl: () => 0,
    close: (fd: number) => closed.push(fd),
  }
  const listener = {
    answer: (_: Notification, result: number) => void results.push(result),
    isWaiting: () => true,
  }
  thread = { state: 'S', pending: 0n, sharedPending: 0n, blocked: 0n }
  stopping = false
  const processes = { status: () => thread, isStopping: () => stopping }
  const supervision = {
    native,
    listener,
    processes,
    onDefect: (error: unknown) => defects.push(error),
  }
  waits = new Waits(supervision as unknown as Supervision)
})
afterEach(() => {
  waits.close()
  vi.useRealTimers()
})

function wait(fd: number, change: Partial<Wait> = {}): void {
  const notification = { pid: 1 } as Notification
  waits.add({
    notification,
    fd,
    timeoutMs: 0,
    attempt: () => -EAGAIN,
    ended: error => error,
    ...change,
  })
}

test('a receive ends with its message when its socket is readable', () => {
  wait(7, { attempt: () => 42 })
  readable()
  expect([results, closed]).toEqual([[42], [7]])
})

test('a receive ends with EAGAIN after its timeout', () => {
  wait(7, { timeoutMs: 1000 })
  vi.advanceTimersByTime(1000)
  expect([results, closed]).toEqual([[-EAGAIN], [7]])
})

test('an exception of an attempt ends its call with EIO and no other, and is reported', () => {
  const defect = new Error('a defect')
  wait(8)
  wait(7, {
    attempt: () => {
      throw defect
    },
  })
  expect(readable).not.toThrow()
  expect([results, closed, defects]).toEqual([[-EIO], [7], [defect]])
})

test('an exception at the timeout ends the call with EIO too', () => {
  const ended = (error: number) => {
    if (error === -EAGAIN) throw new Error('a defect')
    return error
  }
  wait(7, { timeoutMs: 1000, ended })
  vi.advanceTimersByTime(1000)
  expect([results, closed, defects.length]).toEqual([[-EIO], [7], 1])
})

test('the last of 1,025 simultaneous waiting receives fails with ENOBUFS', () => {
  for (let fd = 0; fd < 1024; fd++) {
    wait(fd)
  }
  expect(results).toEqual([])
  wait(5000)
  expect([results, closed]).toEqual([[-ENOBUFS], [5000]])
})

const ERESTARTSYS = 512

test.each([
  ['ends its receive if it handles the signal', { pending: 2n }, false, [-ERESTARTSYS]],
  ['still waits if it blocks the signal', { pending: 2n, blocked: 2n }, false, []],
  ['ends its receive if another thread has stopped', {}, true, [-ERESTARTSYS]],
])('a thread that a signal has woken %s', (_, signals, isStopping, expected) => {
  wait(7)
  thread = { ...thread, state: 'D', ...signals }
  stopping = isStopping
  vi.advanceTimersByTime(20)
  expect(results).toEqual(expected)
})
