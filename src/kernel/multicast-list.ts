/**
 * The hardware addresses of the groups that a host wants an interface to receive. The kernel tells of some changes by
 * netlink and of others (`ip maddr add`) not at all: /proc/net/dev_mcast has them all and is read anew.
 */
import { readSync } from 'node:fs'
import { EIO, VnetError } from '../core/errno.ts'
import { check } from './errno.ts'
import type { Native } from './native.ts'
import { O_RDONLY } from './uapi.ts'

/** Of the opening thread, whose namespace it is that is changed: `self` would be the process's first thread. */
const DEV_MCAST = '/proc/thread-self/net/dev_mcast'
/** `ifindex name users global hexaddress` */
const LINE = /^(\d+) .* ([0-9a-f]{12})$/gm
/** Octets of a read. */
const CHUNK = 64 << 10
/** How often the list is read where no event tells of it. */
const POLL_MS = 500

/**
 * Reads the list of an interface in the namespace that `nsfd` refers to, -1 for our own. The file is closed at once: while it
 * is open it keeps the namespace alive. Throws a VnetError.
 */
export function readMulticastList(native: Native, nsfd: number, ifindex: number): Uint8Array[] {
  const fd = check(native.open(DEV_MCAST, O_RDONLY, nsfd), `open ${DEV_MCAST}`)
  try {
    // What is read of other interfaces, which may be much, is not kept.
    const addresses: Uint8Array[] = []
    const chunk = Buffer.alloc(CHUNK)
    for (let rest = ''; ; ) {
      const length = readSync(fd, chunk)
      if (length === 0) return addresses
      const text = rest + chunk.toString('latin1', 0, length)
      const end = text.lastIndexOf('\n') + 1
      for (const address of parseMulticastList(text.slice(0, end), ifindex)) addresses.push(address)
      rest = text.slice(end)
    }
  } catch (error) {
    const { errno = -EIO } = error as NodeJS.ErrnoException
    throw new VnetError(-errno, `read ${DEV_MCAST}`)
  } finally {
    native.close(fd)
  }
}

/** The addresses of one interface, 6 octets each, in a text as /proc/net/dev_mcast. */
export function parseMulticastList(text: string, ifindex: number): Uint8Array[] {
  const addresses: Uint8Array[] = []
  for (const [, index, address] of text.matchAll(LINE)) {
    if (Number(index) === ifindex) addresses.push(Uint8Array.from(Buffer.from(address, 'hex')))
  }
  return addresses
}

/** Calls `fn` twice a second as long as somebody wants that, and then keeps no timer. Keeps no process alive. */
export class MulticastPoll<T> {
  readonly #wanting = new Set<T>()
  readonly #fn: (wanting: ReadonlySet<T>) => void
  #timer: NodeJS.Timeout | undefined

  constructor(fn: (wanting: ReadonlySet<T>) => void) {
    this.#fn = fn
  }

  add(who: T): void {
    this.#wanting.add(who)
    this.#timer ??= setInterval(() => this.#fn(this.#wanting), POLL_MS).unref()
  }

  /** Harmless for one that never wanted it. */
  delete(who: T): void {
    if (!this.#wanting.delete(who) || this.#wanting.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }
}
