/** System calls on threads of their own: results, and what happens without the resources for it. */
import { fstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { EAGAIN, EBADF, EINVAL, EMFILE, EMSGSIZE, ENOMEM } from '#src/base/errno.ts'
import { bpfAside, closeAside, sendAside } from '#src/linux/aside.ts'
import { check } from '#src/linux/errno.ts'
import type { Native, Poller } from '#src/linux/native.ts'
import { O_RDONLY } from '#src/linux/uapi.ts'
import { datagrams, native } from './support.ts'

const BPF_MAP_CREATE = 0

const null2 = () => [1, 2].map(() => check(native.open('/dev/null', O_RDONLY, -1), 'open'))
const descriptors = () => readdirSync('/proc/self/fd').length
const isOpen = (fd: number) => {
  try {
    return fstatSync(fd) !== undefined
  } catch {
    return false
  }
}

const LACKING: [string, Partial<Native>][] = [
  ['descriptor', { eventfd: () => -EMFILE }],
  ['memory for a poller', { createPoller: () => -ENOMEM }],
  [
    'poller that starts',
    { createPoller: () => ({ start: () => -ENOMEM, close: () => 0 }) as unknown as Poller },
  ],
  ['thread', { closeAside: () => -EAGAIN, sendAside: () => -EAGAIN, bpfAside: () => -EAGAIN }],
]

test('closeAside closes every descriptor, and its promise settles then', async () => {
  const before = descriptors()
  const fds = null2()
  await closeAside(native, fds)
  expect(fds.map(isOpen)).toEqual([false, false])
  expect(descriptors()).toBe(before)
})

test('the event loop turns before a descriptor that is closed aside is reported closed', async () => {
  let turned = false
  setImmediate(() => {
    turned = true
  })
  await closeAside(native, null2())
  expect(turned).toBe(true)
})

test.each(LACKING)('closeAside closes the descriptors even without a %s', async (_, overrides) => {
  const before = descriptors()
  const fds = null2()
  await closeAside({ ...native, ...overrides }, fds)
  expect(fds.map(isOpen)).toEqual([false, false])
  expect(descriptors()).toBe(before)
})

test('a call aside is refused if its event is not an open descriptor, and closes nothing', () => {
  const fds = null2()
  const event = check(native.eventfd(), 'eventfd')
  native.close(event)
  expect(native.closeAside(Int32Array.from(fds), event)).toBe(-EBADF)
  expect(native.sendAside(fds[0] as number, Uint8Array.of(1), 0, event)).toBe(-EBADF)
  expect(native.bpfAside(-1, BPF_MAP_CREATE, new Uint8Array(8), fds[0] as number, event)).toBe(
    -EBADF,
  )
  expect(fds.map(isOpen)).toEqual([true, true])
  fds.forEach(native.close)
})

test('sendAside sends a copy of the bytes', async () => {
  const { fd, address, close } = datagrams()
  const sender = check(native.socket(1, 2, 0, -1), 'socket')
  check(native.connect(sender, address), 'connect')
  const bytes = Uint8Array.of(1, 2, 3)
  const sent = sendAside(native, sender, bytes, () => 'send')
  bytes.fill(0)
  await sent
  const into = new Uint8Array(8)
  expect([native.recv(fd, into, 0), ...into.slice(0, 3)]).toEqual([3, 1, 2, 3])
  await expect(
    sendAside(native, sender, new Uint8Array(1 << 20), () => 'a message'),
  ).rejects.toMatchObject({
    errno: EMSGSIZE,
    syscall: 'a message',
  })
  native.close(sender)
  close()
})

test.each([['thread of its own', {}], ...LACKING])(
  'sendAside rejects with the error of the call: %s',
  async (_, overrides) => {
    const closed = check(native.open('/dev/null', O_RDONLY, -1), 'open')
    native.close(closed)
    const sending = sendAside(
      { ...native, ...overrides },
      1 << 20,
      Uint8Array.of(1),
      () => 'a message',
    )
    await expect(sending).rejects.toMatchObject({ errno: EBADF, syscall: 'a message' })
  },
)

describe.runIf(process.getuid?.() === 0)('bpfAside', () => {
  /** The attributes of an array with one value of `bytes` bytes. */
  const array = (bytes: number) => new Uint8Array(Uint32Array.of(2, 4, bytes, 1, 0, 0).buffer)

  test.each([['thread of its own', {}], ...LACKING.slice(1)])(
    'returns a descriptor of the object, and leaves no other: %s',
    async (_, overrides) => {
      const before = descriptors()
      const fd = await bpfAside({ ...native, ...overrides }, -1, BPF_MAP_CREATE, array(8))
      expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe('anon_inode:bpf-map')
      expect(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8')).toMatch(/flags:\t02\d*/)
      native.close(fd)
      expect(descriptors()).toBe(before)
    },
  )

  test.each([['thread of its own', {}], ...LACKING.slice(1)])(
    'returns the error of the call, and leaves no descriptor: %s',
    async (_, overrides) => {
      const before = descriptors()
      expect(await bpfAside({ ...native, ...overrides }, -1, BPF_MAP_CREATE, array(0))).toBe(
        -EINVAL,
      )
      expect(descriptors()).toBe(before)
    },
  )

  test('bpfAside returns the error if it cannot get a descriptor', async () => {
    expect(
      await bpfAside({ ...native, eventfd: () => -EMFILE }, -1, BPF_MAP_CREATE, array(8)),
    ).toBe(-EMFILE)
  })
})

test('helper threads end with their calls', async () => {
  const threads = () =>
    Number(/^Threads:\t(\d+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
  await closeAside(native, null2())
  const before = threads()
  for (let i = 0; i < 50; i++) {
    await closeAside(native, null2())
  }
  await expect.poll(threads).toBeLessThanOrEqual(before)
})
