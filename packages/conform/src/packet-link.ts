/**
 * PacketLink: an existing interface as the link between a peer that is made by hand and a stack. A
 * packet socket has the time of each frame: a busy machine may let this process wait, but an
 * interval between two frames is never seen as shorter. The peer replies to requests for its own
 * hardware address, and to nothing else.
 */
import {
  arp,
  EINVAL,
  ENETDOWN,
  ENODEV,
  ETH_HLEN,
  ETH_P_ARP,
  ETH_P_IPV6,
  ethernet,
  IFF_UP,
  icmpv6,
  interfaceArg,
  ipv6,
  isValidEtherAddr,
  NSEC_PER_MSEC,
  type Prefix,
  VnetError,
} from 'vnet'
import {
  check,
  closeFd,
  closingOnError,
  loadNative,
  type Native,
  type Poller,
  startPoller,
} from 'vnet/kit/linux'
import {
  getAddresses,
  getLink,
  getLinks,
  inNetns,
  openPacketSocket,
  RouteSocket,
  uapi,
} from 'vnet/kit/net'
import { concat } from 'vnet/kit/packet'
import { build, parseLayers } from './layers.ts'
import { Segments } from './segments.ts'
import type { Station } from './stations.ts'
import type { Sent } from './world.ts'

// include/uapi/asm-generic/socket.h
const SO_TIMESTAMPNS = 35
/** sizeof(struct cmsghdr) */
const CMSG_HLEN = 16
/** Bytes for a frame, which may be a segment before its segmentation. */
const FRAME_MAX = 70_000
/** How many frames wait at most: a stack may send without end. */
const FRAMES_MAX = 10_000

/**
 * A link, from open() to close(). It keeps up to FRAMES_MAX received frames until next() or
 * drain().
 */
export class PacketLink {
  readonly name: string
  /** All addresses of the namespace of the interface, with their networks. */
  readonly addresses: readonly Prefix[]
  /** The peer, as far as it has addresses. */
  peer: Station
  readonly #native: Native
  readonly #fd: number
  readonly #poller: Poller
  /** Whole seconds that are subtracted from the time of day, so that a number holds it in ns. */
  readonly #epoch = Math.floor(Date.now() / 1000)
  /** Nanoseconds to add to the time since the start of this process. */
  #sinceEpoch = (performance.timeOrigin - this.#epoch * 1000) * NSEC_PER_MSEC
  /** The time of the latest frame. */
  #latest = 0
  readonly #control = new Uint8Array(64)
  readonly #into = new Uint8Array(FRAME_MAX)
  readonly #segments = new Segments()
  readonly #sent: Sent[] = []
  #wake = (): void => {}

  private constructor(
    native: Native,
    fd: number,
    name: string,
    addresses: readonly Prefix[],
    mac: Uint8Array,
  ) {
    this.name = name
    this.addresses = addresses
    this.peer = { mac, ip: undefined, ip6: undefined }
    this.#native = native
    this.#fd = fd
    check(native.setsockopt(fd, uapi.SOL_SOCKET, SO_TIMESTAMPNS, uapi.int32(1)), 'SO_TIMESTAMPNS')
    this.#poller = startPoller(native, fd, () => this.#receive())
  }

  /**
   * Opens `[NETNS/]IF`. The peer has `mac`. Throws a VnetError: ENODEV if the interface does not
   * exist, EINVAL if it is not for Ethernet, ENETDOWN if it is down.
   */
  static open(text: string, mac: Uint8Array): PacketLink {
    const native = loadNative()
    const { name, netns } = interfaceArg(text)
    return inNetns(native, netns, nsfd => {
      using sock = RouteSocket.open(native, nsfd)
      const link = getLink(sock, { name })
      if (link === undefined) throw new VnetError(ENODEV, text, 'there is no such interface')
      if (!isValidEtherAddr(link.address)) {
        throw new VnetError(EINVAL, text, 'it is not an Ethernet interface')
      }
      if ((link.flags & IFF_UP) === 0) {
        throw new VnetError(ENETDOWN, text, `the interface is down: ip link set ${name} up`)
      }
      const addresses = getLinks(sock).flatMap(({ ifindex }) => getAddresses(sock, ifindex))
      const fd = openPacketSocket(native, nsfd, link.ifindex, text)
      return closingOnError(native, [fd], () => new PacketLink(native, fd, text, addresses, mac))
    })
  }

  /** Returns why no frame arrives, as far as the interface shows it. */
  whySilent(): string | undefined {
    const { name, netns } = interfaceArg(this.name)
    const link = inNetns(this.#native, netns, nsfd => {
      using sock = RouteSocket.open(this.#native, nsfd)
      return getLink(sock, { name })
    })
    if (link === undefined) return 'the interface was deleted'
    return link.carrier
      ? undefined
      : 'it has no carrier: no program has opened this TAP, or the other end is down'
  }

  /**
   * The time of day, in nanoseconds since the link was opened. `Date` has milliseconds, and the
   * time since the start of this process the rest.
   */
  now(): number {
    const coarse = (Date.now() - this.#epoch * 1000) * NSEC_PER_MSEC
    const fine = Math.round(performance.now() * NSEC_PER_MSEC + this.#sinceEpoch)
    const inside = Math.min(Math.max(fine, coarse), coarse + NSEC_PER_MSEC - 1)
    this.#sinceEpoch += inside - fine
    return inside
  }

  /** Sends a frame. Frames that arrive later have a later time, whatever the two clocks say. */
  send(frame: Uint8Array): void {
    const at = this.now()
    this.#receive()
    this.#latest = Math.max(this.#latest, at)
    check(
      this.#native.send(this.#fd, concat([new Uint8Array(uapi.VIRTIO_NET_HDR_LEN), frame]), 0),
      this.name,
    )
  }

  /** Drops the frames that have arrived. */
  drain(): void {
    this.#receive()
    this.#sent.length = 0
  }

  /** Returns the next frame of any station, or undefined if none arrives until a moment. */
  async next(until: number): Promise<Sent | undefined> {
    this.#receive()
    if (this.#sent.length === 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, Math.max(0, (until - this.now()) / NSEC_PER_MSEC))
        this.#wake = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      this.#receive()
    }
    return this.#sent.shift()
  }

  close(): void {
    this.#poller.close()
    closeFd(this.#native, this.#fd)
  }

  #receive(): void {
    const meta = new Int32Array(3)
    const name = new Uint8Array(20)
    for (;;) {
      const length = this.#native.recvmsgRaw(
        this.#fd,
        this.#into,
        uapi.MSG_DONTWAIT,
        name,
        this.#control,
        meta,
      )
      if (length < 0) break
      const whole = this.#into.subarray(uapi.VIRTIO_NET_HDR_LEN, length)
      if (
        whole.length < ETH_HLEN ||
        ethernet.isSameAddress(whole, ethernet.sourceAt(0), this.peer.mac)
      ) {
        continue
      }
      const view = new DataView(this.#control.buffer)
      const seconds = Number(view.getBigInt64(CMSG_HLEN, true)) - this.#epoch
      const at = Math.max(
        this.#latest,
        seconds * 1e9 + Number(view.getBigInt64(CMSG_HLEN + 8, true)),
      )
      this.#latest = at
      for (const part of this.#segments.cut(this.#into.subarray(0, length))) {
        if (!this.#reply(part.frame) && this.#sent.length < FRAMES_MAX) {
          this.#sent.push({ ...part, at })
        }
      }
    }
    if (this.#sent.length > 0) {
      this.#wake()
    }
  }

  /** Whether a frame asks for the hardware address of the peer, which then replies. */
  #reply(frame: Uint8Array): boolean {
    const { peer } = this
    if (ethernet.etherType(frame, 0) === ETH_P_ARP) {
      const isRequest =
        arp.parse(frame, ETH_HLEN, frame.length - ETH_HLEN) > 0 &&
        arp.op(frame, ETH_HLEN) === arp.ARPOP_REQUEST
      if (!isRequest || !isAt(frame, ETH_HLEN + 24, peer.ip)) return isRequest
      const reply = frame.slice(0, ETH_HLEN + arp.ARP_LEN)
      reply.set(frame.subarray(6, 12), 0)
      reply.set(peer.mac, 6)
      arp.toReply(reply, ETH_HLEN, peer.mac)
      this.send(reply)
      return true
    }
    const message = ETH_HLEN + ipv6.IPV6_HLEN
    const isSolicitation =
      ethernet.etherType(frame, 0) === ETH_P_IPV6 &&
      frame[ETH_HLEN + 6] === ipv6.NEXTHDR_ICMP &&
      frame[message] === icmpv6.NDISC_NEIGHBOUR_SOLICITATION
    if (!isSolicitation || ipv6.isUnspecified(frame, ETH_HLEN + 8)) return isSolicitation
    if (!isAt(frame, icmpv6.targetAt(message), peer.ip6)) return true
    const from = {
      mac: frame.slice(6, 12),
      ip: undefined,
      ip6: frame.slice(ETH_HLEN + 8, ETH_HLEN + 24),
    }
    const context = { stations: { host: from, peer }, port: 0, sent: new Uint8Array(0) }
    this.send(
      build(context, parseLayers('ip6, hops 255 / nd na, flags 0x60, target peer / lladdr type 2')),
    )
    return true
  }
}

function isAt(bytes: Uint8Array, at: number, address: Uint8Array | undefined): boolean {
  return (
    address !== undefined && Buffer.compare(bytes.subarray(at, at + address.length), address) === 0
  )
}
