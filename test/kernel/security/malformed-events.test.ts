/** Truncated, oversized and malformed events, and errors of their socket, without a kernel. */
import { setImmediate } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { EAGAIN, EIO, ENOBUFS } from '#src/base/errno.ts'
import { Turns } from '#src/base/turns.ts'
import { type LinkListener, NSID_HOME, readEvents } from '#src/linux/links/events.ts'
import { LinkMonitor } from '#src/linux/links/monitor.ts'
import type { Native } from '#src/linux/native.ts'
import { LinuxPlatform } from '#src/linux/platform.ts'
import { MessageBuilder, NetlinkParseError } from '#src/netlink/index.ts'
import { atOnce } from '#support/at-once.ts'
import { Chance } from '#support/fuzz-netlink.ts'

const [RTM_NEWLINK, RTM_DELLINK, RTM_NEWADDR, RTM_DELNSID] = [16, 17, 20, 89]
const [IFLA_ADDRESS, IFLA_IFNAME, IFLA_MTU, IFLA_PROP_LIST] = [1, 3, 4, 52]
const OURS = 7

const ifinfomsg = (ifindex: number) => new Uint8Array(Int32Array.of(0, ifindex, 0, 0).buffer)
const begin = (ifindex = OURS, type = RTM_NEWLINK) =>
  new MessageBuilder().message(type, 0, 0).payload(ifinfomsg(ifindex))
const link = (ifindex = OURS, name = 'tap0') =>
  begin(ifindex).name(IFLA_IFNAME, name).u32(IFLA_MTU, 1500).bytes.slice()
/** An MTU of one byte. */
const malformed = (ifindex = OURS) => begin(ifindex).u8(IFLA_MTU, 1).bytes.slice()
/** A message with a number of attributes of 65,000 bytes. */
const long = (ifindex: number, attributes: number) => {
  const builder = begin(ifindex).name(IFLA_IFNAME, 'tap0').u32(IFLA_MTU, 1500)
  for (let i = 0; i < attributes; i++) {
    builder.binary(999, new Uint8Array(65_000))
  }
  return builder.bytes.slice()
}

/** A listener for the interface OURS of the own namespace. Records its calls. */
function recorder(calls: string[] = []): { calls: string[]; listener: LinkListener } {
  const listener: LinkListener = {
    wants: (nsid, ifindex) => nsid === NSID_HOME && ifindex === OURS,
    onLink: (_, { name }, event) => void calls.push(`${event} ${name}`),
    onAddress: (_, ifindex) => void calls.push(`address ${ifindex}`),
    onLost: (_, ifindex) => void calls.push(`lost ${ifindex}`),
    onOverrun: () => void calls.push('overrun'),
    onNsidGone: nsid => void calls.push(`nsid ${nsid}`),
    onError: error =>
      void calls.push(`error ${error instanceof NetlinkParseError ? error.reason : error}`),
  }
  return { calls, listener }
}

describe('readEvents', () => {
  function read(bytes: Uint8Array, nsid = NSID_HOME) {
    const { calls, listener } = recorder()
    readEvents(
      bytes,
      nsid,
      listener,
      (error, ifindex) => void calls.push(`bad ${ifindex}: ${(error as Error).message}`),
    )
    return calls
  }

  test('a message about another interface is read only for its index', () => {
    expect(read(malformed(8))).toEqual([])
    expect(read(malformed(OURS), 3)).toEqual([])
    expect(read(link(8))).toEqual([])
  })

  test('a malformed message is reported with its interface, and the next message is read', () => {
    const bytes = Buffer.concat([malformed(), link()])
    expect(read(bytes)).toEqual([`bad ${OURS}: mtu: has 1 bytes, not 4 (at offset 32)`, 'new tap0'])
  })

  test('a message with a truncated header is reported without an interface', () => {
    expect(read(link().subarray(0, 20))).toEqual([
      'bad undefined: message length 52 exceeds the 20 bytes left (at offset 0)',
    ])
    expect(read(Uint8Array.of(1, 2, 3))).toEqual([
      'bad undefined: 3 bytes are too few for a message header (at offset 0)',
    ])
  })

  test('readEvents never throws, whatever the bytes are and whatever the listener throws', () => {
    const whole = [
      link(),
      malformed(),
      long(OURS, 1),
      begin(OURS, RTM_DELLINK).name(IFLA_IFNAME, 'x').bytes.slice(),
    ]
    whole.push(begin(OURS, RTM_NEWADDR).bytes.slice(), begin(0, RTM_DELNSID).bytes.slice())
    whole.push(
      begin()
        .name(IFLA_IFNAME, 'a')
        .u32(IFLA_MTU, 1)
        .binary(IFLA_PROP_LIST, new Uint8Array(7))
        .bytes.slice(),
    )
    whole.push(begin().binary(IFLA_ADDRESS, new Uint8Array(300)).bytes.slice())
    const chance = new Chance(1)
    const { listener } = recorder()
    for (let i = 0; i < 20_000; i++) {
      const bytes = chance.of(whole).slice(0, 400)
      for (let n = chance.below(4); n > 0; n--) {
        bytes[chance.below(bytes.length)] = chance.next()
      }
      const wild: LinkListener = {
        ...listener,
        onLink: () => {
          throw new RangeError('a defect')
        },
      }
      readEvents(bytes.subarray(0, chance.below(bytes.length + 1)), NSID_HOME, wild, () => {})
    }
  })
})

/** A kernel that returns the next datagram or error to each receive, and then EAGAIN. */
function fake(...queue: (Uint8Array | number)[]) {
  let readable: (status: number) => void = () => {}
  const poller = {
    start: vi.fn(() => 0),
    watch: () => 0,
    stop: vi.fn(() => 0),
    close: () => 0,
    ref: () => 0,
    unref: () => 0,
  }
  const recvmsg = vi.fn((_fd: number, into: Uint8Array, _flags: number, meta: Int32Array) => {
    const next = queue.shift() ?? -EAGAIN
    if (typeof next === 'number') return next
    into.set(next.subarray(0, into.length))
    meta.set([0, NSID_HOME, 0])
    return next.length
  })
  const native: Partial<Native> = {
    socket: () => 3,
    setsockopt: () => 0,
    bind: () => 0,
    close: () => 0,
    createPoller: (_, fn) => {
      readable = fn as typeof readable
      return poller
    },
    recvmsg,
  }
  return { native: native as Native, queue, poller, recvmsg, wake: () => readable(0) }
}

describe('the monitor', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  test('an interface is read again if its event is malformed or too long, and the buffer grows for the next', () => {
    const { native, wake } = fake(malformed(), long(OURS, 2), long(OURS, 2), long(OURS, 17), link())
    const { calls, listener } = recorder()
    using _ = new LinkMonitor(native, listener, -1, atOnce)
    wake()
    const tooLong = expect.stringMatching(/^error VnetError: event of 11\d{5} bytes: EMSGSIZE/)
    const lost = `lost ${OURS}`
    expect(calls).toEqual([
      'error has 1 bytes, not 4',
      lost,
      lost,
      'new tap0',
      tooLong,
      lost,
      'new tap0',
    ])
  })

  test('events of other interfaces are ignored, however long they are', () => {
    const { native, wake } = fake(malformed(8), long(8, 2), long(8, 17), link())
    const { calls, listener } = recorder()
    using _ = new LinkMonitor(native, listener, -1, atOnce)
    wake()
    expect(calls).toEqual(['new tap0'])
  })

  test('all interfaces are read again when it is unknown which event was lost', () => {
    const { native, wake } = fake(link().subarray(0, 12), -ENOBUFS, link())
    const { calls, listener } = recorder()
    using _ = new LinkMonitor(native, listener, -1, atOnce)
    wake()
    expect(calls.slice(1)).toEqual(['new tap0', 'overrun'])
  })

  test('each failed read of a socket is followed by a longer pause', () => {
    const { native, wake, queue, recvmsg, poller } = fake(-EIO)
    const { calls, listener } = recorder()
    using _ = new LinkMonitor(native, listener, -1, atOnce)
    wake()
    expect([recvmsg.mock.calls.length, poller.stop.mock.calls.length]).toEqual([1, 1])
    queue.push(-EIO)
    vi.advanceTimersByTime(999)
    expect(recvmsg.mock.calls.length).toBe(1)
    vi.advanceTimersByTime(1)
    expect(recvmsg.mock.calls.length).toBe(2)
    vi.advanceTimersByTime(1999)
    expect(recvmsg.mock.calls.length).toBe(2)
    expect(poller.start.mock.calls.length).toBe(1)
    queue.push(link())
    vi.advanceTimersByTime(1)
    expect(poller.start.mock.calls.length).toBe(2)
    expect(calls.slice(2)).toEqual(['new tap0', 'overrun'])
  })

  test('a failed read of the state is retried forever, with growing pauses', () => {
    const { native, wake } = fake(-ENOBUFS)
    const { calls, listener } = recorder()
    const onOverrun = vi.fn(() => {
      throw new Error('no descriptors')
    })
    using _ = new LinkMonitor(native, { ...listener, onOverrun }, -1, atOnce)
    wake()
    expect(onOverrun.mock.calls.length).toBe(1)
    vi.advanceTimersByTime(60 * 60 * 1000)
    // 1 s, 2, 4 ... 64 s, and then each 64 s
    expect(onOverrun.mock.calls.length).toBeLessThan(70)
    expect(calls.every(line => line === 'error Error: no descriptors')).toBe(true)
    onOverrun.mockImplementation(() => undefined as never)
    vi.advanceTimersByTime(64_000)
    const tries = onOverrun.mock.calls.length
    vi.advanceTimersByTime(60 * 60 * 1000)
    expect(onOverrun.mock.calls.length).toBe(tries)
  })

  test('a flood of events is read in turns with pauses, even after an overrun, and not polled meanwhile', () => {
    const { native, wake, recvmsg, poller } = fake(-ENOBUFS, ...new Array(100).fill(link(8)))
    const loop = new Loop()
    // Each event takes 10 us.
    const slow: Native = {
      ...native,
      recvmsg: (...args) => {
        loop.time += 10_000
        return native.recvmsg(...args)
      },
    }
    const { calls, listener } = recorder()
    using _ = new LinkMonitor(slow, listener, -1, loop.turns)
    // The turn of the first event in a second may be long.
    loop.turns.addNow({ share: 'first', privileged: false, step: () => false, wait() {} })
    wake()
    const reads = [recvmsg.mock.calls.length]
    for (let before = reads[0] as number; calls.length === 0; before = recvmsg.mock.calls.length) {
      loop.turn()
      reads.push(recvmsg.mock.calls.length - before)
    }
    // The first turn has 500 us, the others 200, in steps of 8 events; the last read finds nothing.
    expect(reads).toEqual([56, 24, 22])
    // Each pause is four times as long.
    expect(loop.pauses).toEqual([2_240_000, 960_000])
    expect(calls).toEqual(['overrun'])
    expect(poller.stop.mock.calls.length).toBe(2)
    expect(poller.start.mock.calls.length).toBe(2)
  })

  test('a request settles when the events up to it are reported', async () => {
    const events = new Array(100).fill(link())
    const { native } = fake(...events)
    const loop = new Loop()
    const { calls, listener } = recorder()
    using monitor = new LinkMonitor(native, listener, -1, loop.turns)
    let settled = 0
    const pending = monitor.sync()?.then(() => {
      settled = calls.length
    })
    expect(calls.length).toBe(64)
    loop.turn()
    await pending
    expect(settled).toBe(100)
    expect(monitor.sync()).toBeUndefined()
  })

  test('a request settles during a flood that never ends, after 200 ms', async () => {
    const { native } = fake()
    const endless: Native = { ...native, recvmsg: () => link(8).length }
    using monitor = new LinkMonitor(endless, recorder().listener, -1, {
      add() {},
      addNow() {},
      delete() {},
    })
    const pending = monitor.sync()
    vi.advanceTimersByTime(200)
    expect(await pending).toBe(false)
  })

  test('requests that settled during a flood leave no timers', async () => {
    const { native } = fake()
    const endless: Native = { ...native, recvmsg: () => link(8).length }
    const monitor = new LinkMonitor(endless, recorder().listener, -1, {
      add() {},
      addNow() {},
      delete() {},
    })
    for (let n = 0; n < 100; n++) {
      const pending = monitor.sync()
      vi.advanceTimersByTime(200)
      await pending
    }
    const clear = vi.spyOn(globalThis, 'clearTimeout')
    monitor.close()
    expect(clear.mock.calls.length).toBeLessThan(10)
    clear.mockRestore()
  })
})

/** An event loop that runs on command. */
class Loop {
  time = 0
  readonly pauses: number[] = []
  #soon: (() => void)[] = []
  #due: (() => void) | undefined
  readonly turns = new Turns(
    {
      now: () => this.time,
      alarm: fn => ({
        at: ns => {
          this.pauses.push(ns - this.time)
          this.#due = () => {
            this.time = ns
            fn()
          }
        },
        cancel() {},
      }),
    },
    fn => this.#soon.push(fn),
  )

  turn(): void {
    const [due, soon] = [this.#due, this.#soon]
    this.#due = undefined
    this.#soon = []
    for (const fn of soon) {
      fn()
    }
    due?.()
  }
}

test('a platform warns of each kind of error once', async () => {
  const lost = new Array(10).fill(0).map((_, i) => link().subarray(0, 12 + (i % 2)))
  const { native, wake } = fake(...lost)
  const lines: string[] = []
  await using _ = new LinuxPlatform(native, text => lines.push(text))
  wake()
  await setImmediate()
  expect(lines).toEqual([
    'event of an interface: 12 bytes are too few for a message header (at offset 0); its state is read again, and more errors of this kind are not logged',
  ])
})
