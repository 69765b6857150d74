/**
 * NETLINK_USERSOCK in memory: what of Native a control socket uses, so that clients and servers of one process talk without
 * the kernel, without rights, and unseen by vnets that run on the machine.
 */
import { EADDRINUSE, EAGAIN, ECONNREFUSED } from '../../src/core/errno.ts'
import type { Native, Poller } from '../../src/kernel/native.ts'

interface Socket {
  port: number
  readonly unread: { readonly octets: Uint8Array; readonly sender: number }[]
  wake: (() => void) | undefined
}

export class MemoryNetlink {
  readonly native: Native
  readonly #sockets = new Map<number, Socket>()
  #next = 1000

  constructor() {
    const some: Partial<Native> = {
      socket: () => {
        const fd = this.#next++
        this.#sockets.set(fd, { port: 0, unread: [], wake: undefined })
        return fd
      },
      close: fd => {
        this.#sockets.delete(fd)
        return 0
      },
      bind: (fd, address) => {
        const port = portOf(address)
        if (port !== 0 && this.#at(port) !== undefined) return -EADDRINUSE
        this.#socket(fd).port = port === 0 ? fd : port
        return 0
      },
      setsockopt: () => 0,
      getsockname: (fd, into) => {
        new DataView(into.buffer, into.byteOffset).setUint32(4, this.#socket(fd).port, true)
        return into.length
      },
      sendto: (fd, octets, _flags, to) => {
        const socket = this.#at(portOf(to))
        if (socket === undefined) return -ECONNREFUSED
        socket.unread.push({ octets: octets.slice(), sender: this.#socket(fd).port })
        setImmediate(() => socket.wake?.())
        return octets.length
      },
      recvmsg: (fd, into, _flags, meta) => {
        const next = this.#socket(fd).unread.shift()
        if (next === undefined) return -EAGAIN
        into.set(next.octets)
        meta[0] = next.sender
        return next.octets.length
      },
      createPoller: (fd, fn) => this.#poller(fd, fn),
    }
    this.native = some as Native
  }

  #poller(fd: number, fn: (status: number) => void): Poller {
    const socket = this.#socket(fd)
    const done = () => 0
    const start = () => {
      socket.wake = () => {
        fn(0)
        if (socket.unread.length > 0) setImmediate(() => socket.wake?.())
      }
      return 0
    }
    const stop = () => {
      socket.wake = undefined
      return 0
    }
    return { start, stop, close: stop, watch: done, ref: done, unref: done }
  }

  #socket(fd: number): Socket {
    const socket = this.#sockets.get(fd)
    if (socket === undefined) throw new Error(`${fd} is no open socket`)
    return socket
  }

  #at(port: number): Socket | undefined {
    return [...this.#sockets.values()].find(socket => socket.port === port)
  }
}

function portOf(address: Uint8Array): number {
  return new DataView(address.buffer, address.byteOffset).getUint32(4, true)
}

/** The one that `loadNative` answers in tests which mock it. */
export const memoryNetlink = new MemoryNetlink()
