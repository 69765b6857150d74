import { closeSync, fstatSync, openSync, readdirSync, readFileSync } from 'node:fs'
import { afterEach, describe, expect, test } from 'vitest'
import * as errno from '#src/base/errno.ts'
import { EBADF, EBUSY } from '#src/base/errno.ts'
import { check } from '#src/linux/errno.ts'
import type { Native } from '#src/linux/native.ts'
import {
  AF_INET,
  AF_NETLINK,
  AF_UNIX,
  int32,
  MSG_DONTWAIT,
  MSG_TRUNC,
  NETLINK_GENERIC,
  NETLINK_ROUTE,
  O_NONBLOCK,
  O_RDONLY,
  O_RDWR,
  SO_ATTACH_FILTER,
  SO_RCVBUF,
  SOCK_DGRAM,
  SOCK_NONBLOCK,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  sockaddrNl,
} from '#src/linux/uapi.ts'
import { abstractAddress, datagrams, native, run, runWorker } from './support.ts'

/** include/uapi/asm-generic/ioctls.h: bytes that wait to be read. */
const NETLINK_USERSOCK = 2
const FIONREAD = 0x541b
/** include/uapi/linux/sockios.h, ethtool.h */
const SIOCETHTOOL = 0x8946
const ETHTOOL_GLINK = int32(0x0a)
const FD_CLOEXEC_OCTAL = 0o2000000

const opened: number[] = []
const mine = (fd: number, syscall = 'open') => {
  opened.push(check(fd, syscall))
  return fd
}
afterEach(() => {
  for (const fd of opened.splice(0)) {
    native.close(fd)
  }
})

const flagsOf = (fd: number) =>
  Number.parseInt(
    /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? '',
    8,
  )

describe('open', () => {
  test('open returns a close-on-exec descriptor with the given flags', () => {
    const fd = mine(native.open('/dev/null', O_RDWR | O_NONBLOCK, -1))
    expect(flagsOf(fd) & (FD_CLOEXEC_OCTAL | O_RDWR | O_NONBLOCK)).toBe(
      FD_CLOEXEC_OCTAL | O_RDWR | O_NONBLOCK,
    )
  })

  test('open returns -errno when it fails', () => {
    expect(native.open('/nonexistent', O_RDONLY, -1)).toBe(-errno.ENOENT)
  })

  test('open refuses a path that contains NUL or is too long', () => {
    expect(native.open('/dev/null\0/x', O_RDONLY, -1)).toBe(-errno.EINVAL)
    expect(native.open(`/${'x'.repeat(5000)}`, O_RDONLY, -1)).toBe(-errno.EINVAL)
  })

  test('open refuses an nsfd that is not a namespace', () => {
    expect(native.open('/dev/null', O_RDWR, 1_000_000)).toBe(-errno.EBADF)
    expect(native.open('/dev/null', O_RDWR, mine(native.open('/dev/null', O_RDWR, -1)))).toBe(
      -errno.EINVAL,
    )
  })
})

describe('release', () => {
  test('release leaves a descriptor open when its worker ends, which closes the others', async () => {
    const { stdout } = await runWorker(
      `
      const made = [native.timerfdCreate(), native.timerfdCreate()]
      native.release(made[0])
      require('node:worker_threads').parentPort.postMessage(made)
    `,
      `
      let made
      const isOpen = fd => require('node:fs').existsSync('/proc/self/fd/' + fd)
      start().on('message', fds => { made = fds }).on('exit', () => console.log(made.map(isOpen)))
    `,
    )
    expect(stdout).toBe('[ true, false ]\n')
    expect(native.release('1' as never)).toBe(-errno.EINVAL)
  })
})

describe('close', () => {
  test('close closes a descriptor once', () => {
    const fd = check(native.open('/dev/null', O_RDWR, -1), 'open')
    expect(native.close(fd)).toBe(0)
    expect(native.close(fd)).toBe(-errno.EBADF)
  })
})

describe('ioctl', () => {
  test('ioctl lets the kernel write into the given array', () => {
    const { fd, send, close } = datagrams()
    send(1, 2, 3)
    const waiting = new Int32Array(1)
    expect(native.ioctl(fd, FIONREAD, new Uint8Array(waiting.buffer))).toBe(0)
    expect(waiting[0]).toBe(3)
    close()
  })

  test('ioctl accepts arrays on shared memory', () => {
    const { fd, send, close } = datagrams()
    send(1, 2)
    const waiting = new Int32Array(new SharedArrayBuffer(4))
    expect(native.ioctl(fd, FIONREAD, new Uint8Array(waiting.buffer))).toBe(0)
    expect(waiting[0]).toBe(2)
    close()
  })

  test('ioctl does not let the kernel write past a short array', () => {
    const { fd, send, close } = datagrams()
    send(...new Array(258).fill(0))
    const octets = new Uint8Array(2)
    expect(native.ioctl(fd, FIONREAD, octets.subarray(0, 1))).toBe(0)
    expect([...octets]).toEqual([258 & 0xff, 0])
    close()
  })

  test('ioctl passes a number as the argument itself', () => {
    const { fd, close } = datagrams()
    // An unmapped address.
    expect(native.ioctl(fd, FIONREAD, 1)).toBe(-errno.EFAULT)
    close()
  })

  test('ioctl returns -errno when it fails', () => {
    expect(
      native.ioctl(mine(native.open('/dev/null', O_RDWR, -1)), 0x400454ca, new Uint8Array(40)),
    ).toBe(-errno.ENOTTY)
    expect(native.ioctl(-1, FIONREAD, 0)).toBe(-errno.EBADF)
  })

  test('ioctl refuses a struct larger than any request', () => {
    expect(
      native.ioctl(mine(native.open('/dev/null', O_RDWR, -1)), FIONREAD, new Uint8Array(16385)),
    ).toBe(-errno.EINVAL)
  })

  test('ioctl passes the memory at ifr_data, and returns the kernel’s output as far as there is room', () => {
    const fd = mine(native.socket(AF_INET, SOCK_DGRAM, 0, -1))
    const lo = () => Uint8Array.from({ length: 40 }, (_, i) => 'lo'.charCodeAt(i) || 0)
    // struct ethtool_value: the command, and whether there is a link.
    const octets = Uint8Array.of(...ETHTOOL_GLINK, 0, 0, 0, 0)
    expect(native.ioctl(fd, SIOCETHTOOL, lo(), octets.subarray(0, 4))).toBe(0)
    expect([...octets]).toEqual([...ETHTOOL_GLINK, 0, 0, 0, 0])
    expect(native.ioctl(fd, SIOCETHTOOL, lo(), octets)).toBe(0)
    expect([...octets]).toEqual([...ETHTOOL_GLINK, ...int32(1)])
    expect(native.ioctl(fd, SIOCETHTOOL, lo(), new Uint8Array(16385))).toBe(-errno.EINVAL)
    expect(native.ioctl(fd, SIOCETHTOOL, lo())).toBe(-errno.EFAULT)
  })
})

describe('sockets', () => {
  test('sockets are close-on-exec', () => {
    expect(flagsOf(mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1))) & FD_CLOEXEC_OCTAL).toBe(
      FD_CLOEXEC_OCTAL,
    )
  })

  test('socket returns -errno for an unknown family', () => {
    expect(native.socket(250, SOCK_DGRAM, 0, -1)).toBe(-errno.EAFNOSUPPORT)
  })

  test('bind succeeds once, and getsockname returns the address', () => {
    const address = abstractAddress()
    const first = mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1))
    const second = mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1))
    expect(native.bind(first, address)).toBe(0)
    expect(native.bind(second, address)).toBe(-errno.EADDRINUSE)
    const told = new Uint8Array(110)
    expect(native.getsockname(first, told)).toBe(address.length)
    expect(told.subarray(0, address.length)).toEqual(address)
    expect(native.getsockname(first, told.subarray(0, 2))).toBe(address.length)
  })

  test('socket options can be set and read', () => {
    const fd = mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1))
    const value = new Int32Array(1)
    expect(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, int32(65536))).toBe(0)
    expect(native.getsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(value.buffer))).toBe(4)
    // The kernel doubles it for its own overhead, socket(7).
    expect(value[0]).toBe(131072)
    expect(native.setsockopt(fd, SOL_SOCKET, SO_RCVBUF, new Uint8Array(0))).toBe(-errno.EINVAL)
    expect(native.setsockopt(fd, SOL_SOCKET, 9999, int32(1))).toBe(-errno.ENOPROTOOPT)
    expect(native.getsockopt(fd, SOL_SOCKET, 9999, new Uint8Array(4))).toBe(-errno.ENOPROTOOPT)
  })

  test('a socket receives only what its attached filter passes', () => {
    const { fd, send, close } = datagrams()
    // ldb [0]; jeq #7, 0, 1; ret #-1; ret #0
    const program = Uint8Array.of(
      0x30,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
      0x15,
      0,
      0,
      1,
      7,
      0,
      0,
      0,
      0x06,
      0,
      0,
      0,
      255,
      255,
      255,
      255,
      0x06,
      0,
      0,
      0,
      0,
      0,
      0,
      0,
    )
    expect(native.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, program)).toBe(0)
    send(8, 1)
    send(7, 2)
    const into = new Uint8Array(2)
    expect(native.recvmsg(fd, into, 0, new Int32Array(3))).toBe(2)
    expect([...into]).toEqual([7, 2])
    expect(native.recvmsg(fd, into, 0, new Int32Array(3))).toBe(-errno.EAGAIN)
    for (const wrong of [program.subarray(0, 8), program.subarray(0, 7)]) {
      expect(native.setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, wrong)).toBe(-errno.EINVAL)
    }
    close()
  })

  test('send without a receiver returns -errno and raises no signal', () => {
    const fd = mine(native.socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, -1))
    expect(native.sendto(fd, Uint8Array.of(1), 0, abstractAddress())).toBe(-errno.ECONNREFUSED)
    expect(native.send(mine(native.open('/dev/null', O_RDWR, -1)), Uint8Array.of(1), 0)).toBe(
      -errno.ENOTSOCK,
    )
    expect(native.bind(mine(native.open('/dev/null', O_RDWR, -1)), abstractAddress())).toBe(
      -errno.ENOTSOCK,
    )
    expect(native.getsockname(mine(native.open('/dev/null', O_RDWR, -1)), new Uint8Array(8))).toBe(
      -errno.ENOTSOCK,
    )
  })
})

describe('recvmsg', () => {
  test('recvmsg returns -EAGAIN when nothing waits', () => {
    const { fd, close } = datagrams()
    expect(native.recvmsg(fd, new Uint8Array(8), MSG_DONTWAIT, new Int32Array(3))).toBe(
      -errno.EAGAIN,
    )
    close()
  })

  test('recvmsg marks a truncated message, and returns its full length with MSG_TRUNC', () => {
    const { fd, send, close } = datagrams()
    const meta = new Int32Array(3)
    send(1, 2, 3, 4)
    send(1, 2, 3, 4)
    const into = new Uint8Array(2)
    expect(native.recvmsg(fd, into, 0, meta)).toBe(2)
    expect([...into, meta[2] & MSG_TRUNC]).toEqual([1, 2, MSG_TRUNC])
    expect(native.recvmsg(fd, into, MSG_TRUNC, meta)).toBe(4)
    close()
  })

  test('recvmsg sets the port of a netlink sender, and no namespace unless requested', () => {
    const sender = mine(native.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_USERSOCK, -1))
    const receiver = mine(native.socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK, NETLINK_USERSOCK, -1))
    check(native.bind(sender, sockaddrNl()), 'bind')
    check(native.bind(receiver, sockaddrNl()), 'bind')
    const portOf = (fd: number) => {
      const address = new Uint8Array(12)
      check(native.getsockname(fd, address), 'getsockname')
      return new DataView(address.buffer).getUint32(4, true)
    }
    const meta = new Int32Array(3)
    check(native.sendto(sender, new Uint8Array(16), 0, sockaddrNl(portOf(receiver))), 'sendto')
    expect(native.recvmsg(receiver, new Uint8Array(64), 0, meta)).toBe(16)
    expect(meta[0] >>> 0).toBe(portOf(sender))
    expect(meta[1]).toBe(-1)
  })

  test('recvmsg sets port 0 for the kernel', () => {
    const fd = mine(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE, -1))
    // RTM_GETLINK of interface 1 with NLM_F_REQUEST: nlmsghdr, then ifinfomsg.
    const request = new DataView(new ArrayBuffer(32))
    request.setUint32(0, 32, true)
    request.setUint16(4, 18, true)
    request.setUint16(6, 1, true)
    request.setInt32(20, 1, true)
    const meta = Int32Array.of(-7, -7, -7)
    expect(native.send(fd, new Uint8Array(request.buffer), 0)).toBe(32)
    expect(native.recvmsg(fd, new Uint8Array(65536), 0, meta)).toBeGreaterThan(32)
    expect([...meta]).toEqual([0, -1, 0])
  })

  test('recvmsg closes descriptors that come with a message', () => {
    const pair = new Int32Array(2)
    check(native.socketpair(SOCK_DGRAM, pair), 'socketpair')
    const [fd, sender] = [...pair].map(each => mine(each))
    const given = mine(native.open('/dev/null', O_RDWR, -1))
    expect(native.sendDescriptors(sender, Uint8Array.of(1), 0, Int32Array.of(given))).toBe(1)
    const next = check(native.open('/dev/null', O_RDWR, -1), 'open')
    native.close(next)
    expect(native.recvmsg(fd, new Uint8Array(8), 0, new Int32Array(3))).toBe(1)
    expect(mine(native.open('/dev/null', O_RDWR, -1))).toBe(next)
  })

  test('recvmsg accepts a sender address longer than sockaddr_nl', () => {
    const { fd, address, close } = datagrams()
    const sender = mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1), 'socket')
    check(native.bind(sender, abstractAddress()), 'bind')
    const meta = new Int32Array(3)
    expect(native.sendto(sender, Uint8Array.of(1), 0, address)).toBe(1)
    expect([native.recvmsg(fd, new Uint8Array(8), 0, meta), meta[0]]).toEqual([1, -1])
    close()
  })

  test('recvmsg sets -1 for a sender that is not a netlink socket', () => {
    const { fd, send, close } = datagrams()
    const meta = new Int32Array(3)
    send(1)
    expect(native.recvmsg(fd, new Uint8Array(8), 0, meta)).toBe(1)
    expect([...meta]).toEqual([-1, -1, 0])
    close()
  })
})

describe('timerfd', () => {
  test('a timerfd expires once for a past time', () => {
    const fd = mine(native.timerfdCreate())
    expect(native.timerfdRead(fd)).toBe(-errno.EAGAIN)
    expect(native.timerfdSettime(fd, 1)).toBe(0)
    expect(native.timerfdRead(fd)).toBe(1)
    expect(native.timerfdRead(fd)).toBe(-errno.EAGAIN)
  })

  test('a timerfd is disarmed by 0', () => {
    const fd = mine(native.timerfdCreate())
    native.timerfdSettime(fd, 1)
    expect(native.timerfdSettime(fd, 0)).toBe(0)
    expect(native.timerfdRead(fd)).toBe(-errno.EAGAIN)
  })

  test('timerfd functions return -errno for other descriptors and invalid times', () => {
    const fd = mine(native.open('/dev/null', O_RDWR, -1))
    expect(native.timerfdSettime(fd, 1)).toBe(-errno.EINVAL)
    expect(native.timerfdSettime(-1, 1)).toBe(-errno.EBADF)
    expect(native.timerfdRead(-1)).toBe(-errno.EBADF)
    for (const ns of [-1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 70]) {
      expect(native.timerfdSettime(mine(native.timerfdCreate()), ns)).toBe(-errno.EINVAL)
    }
  })

  test('monotonic never goes backwards', () => {
    let last = native.monotonic()
    for (let i = 0; i < 1000; i++) {
      const now = native.monotonic()
      expect(now).toBeGreaterThanOrEqual(last)
      last = now
    }
  })
})

test('bpf refuses the address of a buffer outside its attributes, and one without a buffer', () => {
  const [attr, buffer] = [new Uint8Array(16), new Uint8Array(8)]
  for (const at of [4, 12, 16, 2 ** 31]) {
    expect(native.bpf(-1, 0, attr, at, buffer)).toBe(-errno.EINVAL)
  }
  expect(native.bpf(-1, 0, attr, 8)).toBe(-errno.EINVAL)
  expect(native.bpf(-1, 0, new Uint8Array(4), 0, buffer)).toBe(-errno.EINVAL)
  expect([...attr]).toEqual(new Array(16).fill(0))
})

test('every function returns -EINVAL for arguments of a wrong type, and none throws', () => {
  const values: unknown[] = [
    undefined,
    null,
    Number.NaN,
    1.5,
    2 ** 40,
    '',
    'x',
    {},
    [],
    () => {},
    1n,
    Symbol('s'),
  ]
  values.push(
    new Uint8Array(0),
    new Uint16Array(4),
    new Int32Array(1),
    new DataView(new ArrayBuffer(8)),
    native,
  )
  const takesNone = new Set<string>([
    'createNetns',
    'dieWithParent',
    'eventfd',
    'monotonic',
    'shortenSlice',
    'timerfdCreate',
    'unnamedNetns',
  ])
  for (const [name, fn] of Object.entries(native) as [
    keyof Native,
    (...args: unknown[]) => unknown,
  ][]) {
    if (takesNone.has(name)) continue
    expect(fn(), name).toBe(-errno.EINVAL)
    for (const value of values) {
      const answer = fn(value, value, value, value, value)
      expect(answer, `${name}(${String(value)}, ...)`).toBe(-errno.EINVAL)
    }
  }
})

test('exec becomes the program, which inherits the standard streams and no descriptor of Node’s', async () => {
  const { code, stdout, stderr } = await run(`
    require('node:fs').openSync(process.execPath, 'r')
    process.stdout.write('before ')
    native.exec(['/bin/sh', '-c', 'echo $1; ls -l /proc/$$/fd | grep -c /node; echo err >&2; exit 7', 'sh', 'after'])`)
  expect([code, stdout, stderr]).toEqual([7, 'before after\n0\n', 'err\n'])
})

test('exec of a missing program returns -errno, and the process continues', () => {
  expect(native.exec(['/nonexistent'])).toBe(-errno.ENOENT)
  const [text, number] = ['1' as unknown as Int32Array, 1 as unknown as string]
  expect([native.exec([]), native.exec([number]), native.exec(['/nonexistent'], text)]).toEqual([
    -errno.EINVAL,
    -errno.EINVAL,
    -errno.EINVAL,
  ])
})

test('a detached array counts as empty', () => {
  const octets = new Uint8Array(8)
  structuredClone(octets, { transfer: [octets.buffer] })
  const fd = mine(native.socket(AF_UNIX, SOCK_DGRAM, 0, -1))
  expect(native.bind(fd, octets)).toBe(-errno.EINVAL)
  expect(native.recvmsg(fd, octets, 0, new Int32Array(2))).toBe(-errno.EINVAL)
})

test('no failure leaks a descriptor', () => {
  const count = () => readdirSync('/proc/self/fd').length
  const file = mine(native.open('/dev/null', O_RDWR, -1))
  const before = count()
  const rounds = 200
  for (let i = 0; i < rounds; i++) {
    native.open('/nonexistent', O_RDONLY, -1)
    native.open('/dev/null', O_RDWR, file)
    native.socket(250, 1, 0, -1)
    native.socket(AF_UNIX, SOCK_DGRAM, 0, file)
    native.createPoller(1_000_000, () => {})
    native.createPoller(-1, () => {})
    native.close(native.timerfdCreate())
  }
  // Other threads of the process may have opened a few meanwhile.
  expect(count() - before).toBeLessThan(rounds / 2)
})

describe('other processes', () => {
  test('pidfdGetfd and processVmReadv read the descriptors and memory of a process', () => {
    const pidfd = mine(native.pidfdOpen(process.pid, 0), 'pidfd_open')
    const fd = mine(native.open('/dev/null', O_RDONLY, -1))
    const copy = mine(native.pidfdGetfd(pidfd, fd), 'pidfd_getfd')
    expect(readFileSync(`/proc/self/fdinfo/${copy}`, 'utf8')).toBe(
      readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'),
    )
    expect(native.pidfdGetfd(pidfd, 1 << 20)).toBe(-errno.EBADF)
    // The beginning of the program's file.
    const start = readFileSync('/proc/self/maps', 'utf8').split('-', 1)[0]
    const octets = new Uint8Array(4)
    expect(native.processVmReadv(process.pid, BigInt(`0x${start}`), octets)).toBe(4)
    expect([...octets]).toEqual([0x7f, 0x45, 0x4c, 0x46])
    expect(native.processVmReadv(process.pid, 16n, octets)).toBe(-errno.EFAULT)
  })

  test('pidfd functions return -EINVAL for arguments of a wrong type', () => {
    const octets = new Uint8Array(4)
    expect(native.processVmReadv(process.pid, 16 as never, octets)).toBe(-errno.EINVAL)
    expect(native.pidfdOpen('1' as never, 0)).toBe(-errno.EINVAL)
    expect(native.endAs(0, -1)).toBe(-errno.EINVAL)
    expect(native.endBySignals(true as never)).toBe(-errno.EINVAL)
    expect(native.poll('x' as never)).toBe(-errno.EINVAL)
  })

  test('endAs ends the process with the given signal', async () => {
    expect(await run('native.endAs(42, 15)')).toMatchObject({ code: null, signal: 'SIGTERM' })
  })
})

describe('in the place of a program', () => {
  test('capget returns the effective capabilities that proc(5) shows', () => {
    const effective = new Uint8Array(8)
    expect(native.capget(process.pid, effective)).toBe(0)
    const shown = /^CapEff:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
    expect(new DataView(effective.buffer).getBigUint64(0, true)).toBe(BigInt(`0x${shown}`))
    expect(native.capget(2 ** 22 + 1, effective)).toBe(-errno.ESRCH)
    expect(native.capget(process.pid, new Uint8Array(7))).toBe(-errno.EINVAL)
  })

  test('recvmsgRaw returns the sender and the ancillary data unchanged', () => {
    const fd = mine(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_GENERIC, -1))
    const [NETLINK_PKTINFO, NLMSG_NOOP, NLM_F_REQUEST_ACK] = [3, 1, 5]
    check(native.setsockopt(fd, SOL_NETLINK, NETLINK_PKTINFO, int32(1)), 'setsockopt')
    const noop = new DataView(new ArrayBuffer(16))
    noop.setUint32(0, 16, true)
    noop.setUint16(4, NLMSG_NOOP, true)
    noop.setUint16(6, NLM_F_REQUEST_ACK, true)
    check(native.send(fd, new Uint8Array(noop.buffer), 0), 'send')
    const [into, name, control, meta] = [
      new Uint8Array(36),
      new Uint8Array(12),
      new Uint8Array(64),
      new Int32Array(3),
    ]
    expect(native.recvmsgRaw(fd, into, 0, name, control, meta)).toBe(36)
    expect([...meta]).toEqual([12, 24, 0])
    expect([...name]).toEqual([AF_NETLINK, ...new Uint8Array(11)])
    expect([...control.subarray(8, 16)]).toEqual([...int32(SOL_NETLINK), ...int32(NETLINK_PKTINFO)])
    expect(native.recvmsgRaw(fd, into, MSG_DONTWAIT, name, control, meta)).toBe(-errno.EAGAIN)
  })
})

test('close, release and closeAside refuse descriptors of others, and leave them open', () => {
  const file = openSync('/dev/null', 'r')
  expect([
    native.close(file),
    native.release(file),
    native.close(-1),
    native.close(2 ** 31 - 1),
  ]).toEqual(Array(4).fill(-EBADF))
  const event = check(native.eventfd(), 'eventfd')
  expect(native.closeAside(Int32Array.of(event, file), event)).toBe(-EBADF)
  expect(fstatSync(file).isCharacterDevice()).toBe(true)
  expect([
    native.adopt(file),
    native.adopt(file),
    native.release(file),
    native.release(file),
  ]).toEqual([0, -EBUSY, 0, -EBADF])
  closeSync(file)
  expect([native.adopt(file), native.close(event), native.close(event)]).toEqual([
    -EBADF,
    0,
    -EBADF,
  ])
})
