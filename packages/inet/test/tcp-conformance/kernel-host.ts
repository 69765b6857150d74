/**
 * The kernel as a tested host: a network namespace with a TAP, to which peers are attached by hand.
 * A packet socket reads what the kernel sends, because it has the time of each frame: a busy
 * machine may let this process wait, but an interval between two frames is never seen as shorter.
 */
import { execFileSync } from 'node:child_process'
import { writeSync } from 'node:fs'
import type { Sent, World } from '@vnet/conform'
import { check, startPoller } from '#src/linux/errno.ts'
import type { Native, Poller } from '#src/linux/native.ts'
import { writeSysctl } from '#src/linux/sysctl.ts'
import * as uapi from '#src/linux/uapi.ts'
import { formatMac, parseAddress } from '#src/packet/address.ts'
import { ETH_P_IPV6, etherType } from '#src/packet/ethernet.ts'
import { put16 } from '#src/packet/octets.ts'
import { type Netns, OwnNetns } from '#support/netns.ts'

/** The interface has no ARP: the kernel sends everything to its own hardware address. */
const MAC = Uint8Array.of(2, 0, 0, 0, 0, 1)
// include/uapi/asm-generic/socket.h
const SO_TIMESTAMPNS = 35
/** sizeof(struct cmsghdr) */
const CMSG_HLEN = 16

/** The same on all machines, and without what depends on earlier cases. */
const SETTINGS = {
  tcp_congestion_control: 'reno',
  tcp_no_metrics_save: 1,
  tcp_rmem: '4096 131072 6291456',
  tcp_syncookies: 0,
  // No loss probes, which send again after as little as two round trips.
  tcp_early_retrans: 0,
  // No F-RTO (RFC 5682), which sends new segments after a timeout.
  tcp_frto: 0,
  // Nothing waits for a larger TSO frame.
  tcp_tso_win_divisor: 255,
}

const addresses = {
  4: { host: '198.18.0.1/32', fast: '198.18.0.0/16', slow: '198.19.0.0/16' },
  6: { host: '2001:db8::1/128', fast: '2001:db8:0:1::/64', slow: '2001:db8:0:2::/64' },
} as const

const bytesOf = (subnet: string): Uint8Array =>
  parseAddress(subnet.replace(/\/.*/, '')) as Uint8Array

export class KernelHost {
  readonly native: Native
  readonly netns: Netns
  readonly #own = new OwnNetns()
  readonly #tap: number
  readonly #socket: number
  readonly #poller: Poller
  /** Whole seconds that are subtracted from the time of day, so that a number holds it in ns. */
  readonly #epoch = Math.floor(Date.now() / 1000)
  readonly #peers = new Map<string, (sent: Sent) => void>()
  readonly #into = new Uint8Array(70_000)
  readonly #control = new Uint8Array(64)

  constructor(sysctls: Readonly<Record<string, string | number>>) {
    const own = this.#own
    this.netns = own.add()
    this.native = own.native
    this.#tap = own.tap(this.netns, 'tap0')[0] as number
    for (const [name, value] of Object.entries({ ...SETTINGS, ...sysctls })) {
      writeSysctl(own.native, this.netns.fd, `net/ipv4/${name}`, String(value))
    }
    const commands = [
      'link set lo up',
      `link set tap0 address ${formatMac(MAC)} txqueuelen 50000 arp off up`,
      ...[4, 6].flatMap(family => {
        const { host, fast, slow } = addresses[family as 4 | 6]
        return [
          `addr add ${host} dev tap0${family === 6 ? ' nodad' : ''}`,
          `route add ${fast} dev tap0`,
          `route add ${slow} dev tap0 rto_min 60s`,
        ]
      }),
    ]
    execFileSync('ip', ['-n', this.netns.name, '-batch', '-'], {
      input: commands.join('\n'),
      stdio: 'pipe',
    })
    own.waitForLocalRoutes(this.netns, [addresses[6].host.replace('/128', '')])
    this.#socket = own.own(
      own.native.socket(uapi.AF_PACKET, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, 0, this.netns.fd),
    )
    check(
      own.native.setsockopt(this.#socket, uapi.SOL_SOCKET, SO_TIMESTAMPNS, uapi.int32(1)),
      'SO_TIMESTAMPNS',
    )
    check(
      own.native.setsockopt(
        this.#socket,
        uapi.SOL_SOCKET,
        uapi.SO_RCVBUFFORCE,
        uapi.int32(64 << 20),
      ),
      'SO_RCVBUF',
    )
    // struct sockaddr_ll, of all interfaces: lo has no packets to peers.
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, uapi.AF_PACKET, true)
    view.setUint16(2, uapi.ETH_P_ALL)
    check(own.native.bind(this.#socket, address), 'bind')
    this.#poller = startPoller(own.native, this.#socket, () => this.receive())
  }

  /** Returns the two ends, with a free address of the peer. `take` gets the packets to the peer. */
  attach(
    family: 4 | 6,
    hasFastTimers: boolean,
    take: (sent: Sent) => void,
  ): Pick<World, 'host' | 'peer'> {
    const { host, fast, slow } = addresses[family]
    const peer = bytesOf(hasFastTimers ? fast : slow)
    put16(peer, peer.length - 2, this.#peers.size + 256)
    this.#peers.set(peer.join(), take)
    const station = (address: Uint8Array) => ({ mac: MAC, ip: address, ip6: address })
    return { host: station(bytesOf(host)), peer: station(peer) }
  }

  /** The time of day, in nanoseconds since the test started. */
  now(): number {
    return (Date.now() - this.#epoch * 1000) * 1e6
  }

  /** Makes the kernel receive a frame. */
  inject(frame: Uint8Array): void {
    writeSync(this.#tap, frame)
  }

  /** Reads all frames that the kernel has sent. */
  receive(): void {
    const meta = new Int32Array(3)
    const into = this.#into
    for (;;) {
      const length = this.native.recvmsgRaw(
        this.#socket,
        into,
        uapi.MSG_DONTWAIT,
        new Uint8Array(20),
        this.#control,
        meta,
      )
      if (length < 0) return
      const frame = into.slice(0, length)
      const [at, size] = etherType(frame, 0) === ETH_P_IPV6 ? [38, 16] : [30, 4]
      const view = new DataView(this.#control.buffer)
      const seconds = Number(view.getBigInt64(CMSG_HLEN, true)) - this.#epoch
      const sentAt = seconds * 1e9 + Number(view.getBigInt64(CMSG_HLEN + 8, true))
      this.#peers.get(frame.subarray(at, at + size).join())?.({
        frame,
        at: sentAt,
        isPartial: true,
      })
    }
  }

  close(): void {
    this.#poller.close()
    this.#own.remove()
  }
}
