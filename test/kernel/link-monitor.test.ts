import { execFileSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { EINVAL } from '#src/base/errno.ts'
import { NSID_HOME } from '#src/linux/links/events.ts'
import { LinkMonitor } from '#src/linux/links/monitor.ts'
import type { Native } from '#src/linux/native.ts'
import { getLink, type Link, nsidOf, RouteSocket, setLink } from '#src/linux/rtnetlink.ts'
import * as uapi from '#src/linux/uapi.ts'
import { IFF_LOWER_UP, IFF_NOARP, IFF_PROMISC, IFF_UP } from '#src/netdev/if.ts'
import { MessageBuilder } from '#src/netlink/index.ts'
import { formatMac } from '#src/packet/address.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { withoutGroupEvents } from '#support/tap-ports.ts'

type Told =
  | { nsid: number; link: Link; event: 'new' | 'del' }
  | { nsid: number; addressesOf: number }
  | { overrun: true }
  | { nsidGone: number }

/** Records what a monitor reports, and lets a test wait for it. */
class Recorder {
  readonly told: Told[] = []
  #wake = () => {}

  onLink(nsid: number, link: Link, event: 'new' | 'del'): void {
    this.#add({ nsid, link, event })
  }
  onAddress(nsid: number, ifindex: number): void {
    this.#add({ nsid, addressesOf: ifindex })
  }
  onOverrun(): void {
    this.#add({ overrun: true })
  }
  onNsidGone(nsid: number): void {
    this.#add({ nsidGone: nsid })
  }

  get links(): { nsid: number; link: Link; event: 'new' | 'del' }[] {
    return this.told.filter(told => 'link' in told)
  }

  /** The first report, past or future, for which `is` returns true. */
  async until(is: (told: Told) => boolean): Promise<Told> {
    for (let seen = 0; ; seen++) {
      while (seen === this.told.length) {
        await new Promise<void>(resolve => {
          this.#wake = resolve
        })
      }
      if (is(this.told[seen])) return this.told[seen]
    }
  }

  #add(told: Told): void {
    this.told.push(told)
    this.#wake()
  }
}

const { own, home } = freshNamespaces('home')
let sock: RouteSocket
let recorder: Recorder
let monitor: LinkMonitor | undefined

beforeEach(() => {
  sock = RouteSocket.open(own.at(home))
  recorder = new Recorder()
})

afterEach(() => {
  monitor?.close()
  monitor = undefined
  sock?.close()
})

function listen(overrides: Partial<Native> = {}): void {
  monitor = new LinkMonitor(own.at(home, overrides), recorder)
}

/** A TAP that was made before the monitor listens. */
function tapBefore(name: string): number {
  own.tap(home, name)
  listen()
  return getLink(sock, { name })!.ifindex
}

const named =
  (name: string, event = 'new') =>
  (told: Told) =>
    'link' in told && told.link.name === name && told.event === event

describe('events at home', () => {
  test.each<[string, string, (link: Link, before: Link) => boolean]>([
    ['up', 'link set tap0 up', link => (link.flags & IFF_UP) !== 0],
    ['the MTU', 'link set tap0 mtu 1400', link => link.mtu === 1400],
    [
      'the address',
      'link set tap0 address 02:00:00:00:00:42',
      l => formatMac(l.address) === '02:00:00:00:00:42',
    ],
    ['flags', 'link set tap0 arp off', link => (link.flags & IFF_NOARP) !== 0],
    [
      'the name',
      'link set tap0 name tap9',
      (link, before) => link.name === 'tap9' && link.ifindex === before.ifindex,
    ],
    [
      'promiscuous mode',
      'link set tap0 promisc on',
      l => l.promiscuity === 1 && (l.flags & IFF_PROMISC) !== 0,
    ],
    ['allmulti', 'link set tap0 allmulticast on', link => link.allmulti === 1],
    ['the queue length', 'link set tap0 txqueuelen 7', link => link.txQueueLen === 7],
    [
      'carrier',
      'link set tap0 carrier off',
      link => !link.carrier && (link.flags & IFF_LOWER_UP) === 0,
    ],
  ])('a change of %s is reported for our own namespace', async (_, command, shows) => {
    own.tap(home, 'tap0')
    // The kernel reports a change of carrier only while the interface is up.
    if (command !== 'link set tap0 up') {
      home.ip('link set tap0 up')
    }
    listen()
    const before = getLink(sock, { name: 'tap0' })!
    const { ifindex } = before
    expect(shows(before, before)).toBe(false)
    home.ip(command)
    const told = await recorder.until(told => 'link' in told && shows(told.link, before))
    expect(told).toMatchObject({ nsid: NSID_HOME, event: 'new', link: { ifindex } })
  })

  test('down is reported after up', async () => {
    tapBefore('tap0')
    home.ip('link set tap0 up', 'link set tap0 down', 'link set tap0 mtu 999')
    await recorder.until(told => 'link' in told && told.link.mtu === 999)
    const ups = recorder.links.map(({ link }) => (link.flags & IFF_UP) !== 0)
    expect(ups.indexOf(true)).toBeLessThan(ups.lastIndexOf(false))
    expect(ups.indexOf(true)).toBeGreaterThanOrEqual(0)
    expect(ups.at(-1)).toBe(false)
  })

  test('creating and deleting an interface are reported', async () => {
    listen()
    home.ip('tuntap add mode tap name tap0 multi_queue')
    const made = await recorder.until(named('tap0'))
    expect(made).toMatchObject({
      nsid: NSID_HOME,
      link: { kind: 'tun', tun: { type: 'tap', multiQueue: true } },
    })
    home.ip('link del tap0')
    await recorder.until(named('tap0', 'del'))
  })

  test('leaving a bridge is not reported as a deletion', async () => {
    own.tap(home, 'tap0')
    home.ip('link add br0 type bridge', 'link set tap0 master br0')
    listen()
    home.ip('link set tap0 nomaster', 'link set tap0 mtu 999')
    await recorder.until(told => 'link' in told && told.link.mtu === 999)
    expect(recorder.links.filter(({ event }) => event === 'del')).toEqual([])
  })

  test('sync reports changes immediately, and in order when the listener calls it', () => {
    const ifindex = tapBefore('tap0')
    const add = recorder.onLink.bind(recorder)
    recorder.onLink = (nsid, link, event) => {
      monitor?.sync()
      add(nsid, link, event)
    }
    for (const mtu of [1001, 1002, 1003]) {
      setLink(sock, ifindex, { mtu })
    }
    expect(recorder.told).toEqual([])
    monitor?.sync()
    expect(recorder.links.map(({ link }) => link.mtu)).toEqual([1001, 1002, 1003])
  })

  test.each([
    ['protocol address', 'addr add 198.18.0.1/24 dev tap0'],
    ['IPv6 address', 'addr add 2001:db8::1/64 dev tap0'],
    ['group', 'addr add 233.252.0.1/32 dev tap0 autojoin'],
  ])('a new %s is reported for its interface', async (_, command) => {
    const ifindex = tapBefore('tap0')
    home.ip(command)
    expect(await recorder.until(told => 'addressesOf' in told)).toEqual({
      nsid: NSID_HOME,
      addressesOf: ifindex,
    })
  })

  test('2,000 quick changes are all reported, in order', async () => {
    const ifindex = tapBefore('tap0')
    const mtus = Array.from({ length: 2000 }, (_, i) => 1000 + i)
    for (const mtu of mtus) {
      setLink(sock, ifindex, { mtu })
    }
    await recorder.until(told => 'link' in told && told.link.mtu === 2999)
    expect(recorder.links.map(({ link }) => link.mtu)).toEqual(mtus)
  })

  test('messages from other senders than the kernel are ignored', async () => {
    const ifindex = tapBefore('tap0')
    const stranger = own.own(
      own.native.socket(uapi.AF_NETLINK, uapi.SOCK_RAW, uapi.NETLINK_ROUTE, home.fd),
    )
    expect(own.native.bind(stranger, uapi.sockaddrNl())).toBe(0)
    const forged = new MessageBuilder()
      .message(16, 0, 0)
      .payload(new Uint8Array(16))
      .string(3, 'forged')
      .u32(4, 1)
    expect(own.native.sendto(stranger, forged.bytes, 0, uapi.sockaddrNl(0, 1))).toBe(
      forged.bytes.length,
    )
    setLink(sock, ifindex, { mtu: 999 })
    await recorder.until(told => 'link' in told && told.link.mtu === 999)
    expect(recorder.links.map(({ link }) => link.name)).toEqual(['tap0'])
  })
})

describe('events of other namespaces', () => {
  test('events carry the id of their namespace, and a namespace without an id sends none', async () => {
    const far = own.add()
    const unknown = own.add()
    const nsid = nsidOf(sock, far.fd)
    listen()
    unknown.ip('tuntap add mode tap name tap0')
    far.ip('tuntap add mode tap name tap0')
    home.ip('tuntap add mode tap name last')
    await recorder.until(named('last'))
    expect(
      new Set(recorder.links.filter(({ link }) => link.name === 'tap0').map(({ nsid }) => nsid)),
    ).toEqual(new Set([nsid]))
  })

  test('a move is reported in both namespaces, with the new index', async () => {
    const far = own.add()
    const nsid = nsidOf(sock, far.fd)
    // The same index is in use there, so it must change.
    own.tap(home, 'tap0')
    const { ifindex } = getLink(sock, { name: 'tap0' })!
    far.ip(`link add taken index ${ifindex} type bridge`)
    listen()
    setLink(sock, ifindex, { netnsFd: far.fd, name: 'vnet0' })
    const left = await recorder.until(named('tap0', 'del'))
    const came = await recorder.until(named('vnet0'))
    using there = RouteSocket.open(own.native, far.fd)
    const newIfindex = getLink(there, { name: 'vnet0' })!.ifindex
    expect(newIfindex).not.toBe(ifindex)
    expect(left).toMatchObject({ nsid: NSID_HOME, link: { ifindex } })
    expect(came).toMatchObject({ nsid, link: { ifindex: newIfindex } })
  })

  test('the deletion of a namespace is reported, as is the near end of a veth into it', async () => {
    const far = own.add()
    const nsid = nsidOf(sock, far.fd)
    listen()
    home.ip(`link add veth0 type veth peer name veth1 netns ${far.name}`)
    await recorder.until(named('veth0'))
    using there = RouteSocket.open(own.native, far.fd)
    expect(getLink(there, { name: 'veth1' })?.kind).toBe('veth')
    there.close()
    far.release()
    execFileSync('ip', ['netns', 'del', far.name])
    expect(await recorder.until(told => 'nsidGone' in told)).toEqual({ nsidGone: nsid })
    expect(await recorder.until(named('veth0', 'del'))).toMatchObject({ nsid: NSID_HOME })
  })

  test('removed ids of other namespaces are not mistaken for our own', async () => {
    const [far, farther] = [own.add(), own.add()]
    const nsid = nsidOf(sock, far.fd)
    using there = RouteSocket.open(own.native, far.fd)
    // The same id, in another namespace.
    expect(nsidOf(there, farther.fd)).toBe(nsid)
    listen()
    const recorderThere = new Recorder()
    using _ = new LinkMonitor(own.at(far), recorderThere)
    farther.release()
    execFileSync('ip', ['netns', 'del', farther.name])
    await recorderThere.until(told => 'nsidGone' in told)
    home.ip('tuntap add mode tap name last')
    await recorder.until(named('last'))
    expect(recorder.told.filter(told => 'nsidGone' in told)).toEqual([])
  })
})

describe('overrun', () => {
  const small: Partial<Native> = {}

  beforeEach(() => {
    small.setsockopt = (fd, level, name, value) => {
      const force = level === uapi.SOL_SOCKET && name === uapi.SO_RCVBUFFORCE
      return own.native.setsockopt(
        fd,
        level,
        force ? uapi.SO_RCVBUF : name,
        force ? uapi.int32(4096) : value,
      )
    }
  })

  test('an overrun is reported once, after the remaining events, and later events follow', async () => {
    own.tap(home, 'tap0')
    listen(small)
    const { ifindex } = getLink(sock, { name: 'tap0' })!
    for (let mtu = 1000; mtu < 1200; mtu++) {
      setLink(sock, ifindex, { mtu })
    }
    await recorder.until(told => 'overrun' in told)
    expect(recorder.told.at(-1)).toEqual({ overrun: true })
    expect(recorder.links.length).toBeLessThan(200)
    for (const mtu of [2001, 2002]) {
      setLink(sock, ifindex, { mtu })
      await recorder.until(told => 'link' in told && told.link.mtu === mtu)
    }
    expect(recorder.told.filter(told => 'overrun' in told)).toHaveLength(1)
  })

  test('a second overrun is reported, too', async () => {
    own.tap(home, 'tap0')
    listen(small)
    const { ifindex } = getLink(sock, { name: 'tap0' })!
    for (const round of [1, 2]) {
      for (let mtu = 1000; mtu < 1100; mtu++) {
        setLink(sock, ifindex, { mtu })
      }
      await recorder.until(() => recorder.told.filter(told => 'overrun' in told).length === round)
    }
  })
})

describe('its socket', () => {
  test('a monitor opens on a kernel without the newer groups', async () => {
    listen(withoutGroupEvents(own.native))
    home.ip('tuntap add mode tap name tap0')
    await recorder.until(named('tap0'))
    monitor?.close()
    const refuse: Partial<Native> = {
      setsockopt: (fd, level, name, value) =>
        level === uapi.SOL_NETLINK && name === uapi.NETLINK_ADD_MEMBERSHIP
          ? -EINVAL
          : own.native.setsockopt(fd, level, name, value),
    }
    expect(() => listen(refuse)).toThrow(/^setsockopt\(NETLINK_ADD_MEMBERSHIP, 1\): EINVAL/)
  })

  test('without privileges a monitor sees only its own namespace, through a buffer of the allowed size', async () => {
    const far = own.add()
    nsidOf(sock, far.fd)
    const refused: number[] = []
    listen({
      setsockopt: (fd, level, name, value) => {
        if (
          (level === uapi.SOL_SOCKET && name === uapi.SO_RCVBUFFORCE) ||
          (level === uapi.SOL_NETLINK && name === uapi.NETLINK_LISTEN_ALL_NSID)
        ) {
          refused.push(name)
          return -1
        }
        return own.native.setsockopt(fd, level, name, value)
      },
    })
    expect(refused).toEqual([uapi.NETLINK_LISTEN_ALL_NSID, uapi.SO_RCVBUFFORCE])
    expect(monitor?.allNamespaces).toBe(false)
    far.ip('tuntap add mode tap name tap0')
    home.ip('tuntap add mode tap name last')
    await recorder.until(named('last'))
    expect(recorder.links.map(({ link }) => link.name)).not.toContain('tap0')
  })

  test('after close, also by the listener, nothing is reported and no descriptor is left', async () => {
    own.tap(home, 'tap0')
    const { ifindex } = getLink(sock, { name: 'tap0' })!
    const before = readdirSync('/proc/self/fd').length
    listen()
    const add = recorder.onLink.bind(recorder)
    recorder.onLink = (nsid, link, event) => {
      monitor?.close()
      add(nsid, link, event)
    }
    for (const mtu of [1001, 1002, 1003]) {
      setLink(sock, ifindex, { mtu })
    }
    await recorder.until(named('tap0'))
    await new Promise(resolve => setImmediate(resolve))
    expect(recorder.links).toHaveLength(1)
    expect(readdirSync('/proc/self/fd').length).toBe(before)
    monitor?.close()
  })

  test('a failing open leaves no descriptor', () => {
    const before = readdirSync('/proc/self/fd').length
    expect(() => listen({ createPoller: () => -12 })).toThrow(/^poll: ENOMEM/)
    let watching = 0
    const createPoller = () => {
      watching++
      return {
        start: () => -12,
        stop: () => 0,
        watch: () => 0,
        ref: () => 0,
        unref: () => 0,
        close: () => watching--,
      }
    }
    expect(() => listen({ createPoller })).toThrow(/^poll: ENOMEM/)
    expect(watching).toBe(0)
    expect(readdirSync('/proc/self/fd').length).toBe(before)
  })
})
