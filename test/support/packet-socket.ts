/**
 * PacketSocket: whole frames on the kernel's side of an interface, packet(7), optionally with vnet
 * headers. It keeps received frames until a test takes them.
 */
import { check } from '#src/linux/errno.ts'
import { loadNative, type Poller } from '#src/linux/native.ts'
import * as uapi from '#src/linux/uapi.ts'
import type { Netns } from './netns.ts'

// include/uapi/linux/sockios.h
const SIOCGIFINDEX = 0x8933
const RECEIVE_BUFFER = 64 << 20

const native = loadNative()

/** A frame and its vnet header. */
export interface HostFrame {
  readonly octets: Uint8Array
  readonly flags: number
  readonly gsoType: number
  readonly gsoSize: number
  /** A position from the frame's first byte, like in NEEDS_CSUM. */
  readonly csumStart: number
  readonly csumOffset: number
}

export class PacketSocket {
  readonly frames: HostFrame[] = []
  readonly #fd: number
  readonly #vnetHdr: boolean
  readonly #poller: Poller
  readonly #into = new Uint8Array(uapi.VIRTIO_NET_HDR_LEN + 70_000)
  readonly #meta = new Int32Array(3)
  #wake = () => {}
  #open = true

  /** With `outgoing` it keeps frames that the kernel sends, too. */
  constructor(netns: Netns, name: string, { vnetHdr = false, outgoing = false } = {}) {
    this.#vnetHdr = vnetHdr
    this.#fd = check(
      native.socket(uapi.AF_PACKET, uapi.SOCK_RAW | uapi.SOCK_NONBLOCK, 0, netns.fd),
      'socket',
    )
    const set = (level: number, option: number, value: number) =>
      check(native.setsockopt(this.#fd, level, option, uapi.int32(value)), 'setsockopt')
    set(uapi.SOL_SOCKET, uapi.SO_RCVBUFFORCE, RECEIVE_BUFFER)
    set(uapi.SOL_PACKET, uapi.PACKET_IGNORE_OUTGOING, outgoing ? 0 : 1)
    set(uapi.SOL_PACKET, uapi.PACKET_VNET_HDR, vnetHdr ? 1 : 0)
    const request = uapi.ifreq(name)
    check(native.ioctl(this.#fd, SIOCGIFINDEX, request), `SIOCGIFINDEX ${name}`)
    const address = new Uint8Array(20)
    const view = new DataView(address.buffer)
    view.setUint16(0, uapi.AF_PACKET, true)
    view.setUint16(2, uapi.ETH_P_ALL)
    view.setInt32(4, new DataView(request.buffer).getInt32(16, true), true)
    check(native.bind(this.#fd, address), 'bind')
    this.#poller = native.createPoller(this.#fd, () => this.#receive()) as Poller
    this.#poller.start()
  }

  /**
   * Sends a frame, after `header` on a socket with vnet headers. Returns 0, or -errno if the kernel
   * refuses it.
   */
  trySend(frame: Uint8Array, header: Partial<Omit<HostFrame, 'octets'>> = {}): number {
    const sent = native.send(this.#fd, this.#vnetHdr ? withHeader(frame, header) : frame, 0)
    return sent < 0 ? sent : 0
  }

  send(frame: Uint8Array, header: Partial<Omit<HostFrame, 'octets'>> = {}): void {
    check(this.trySend(frame, header), `send of ${frame.length} octets`)
  }

  /** The first frame, past or future, for which `is` returns true. */
  async until(is: (frame: HostFrame) => boolean): Promise<HostFrame> {
    for (let seen = 0; ; seen++) {
      while (seen === this.frames.length) {
        await this.#more()
      }
      if (is(this.frames[seen] as HostFrame)) return this.frames[seen] as HostFrame
    }
  }

  /** The number of frames that the socket had no room for. */
  lost(): number {
    const statistics = new Uint8Array(8)
    check(
      native.getsockopt(this.#fd, uapi.SOL_PACKET, uapi.PACKET_STATISTICS, statistics),
      'PACKET_STATISTICS',
    )
    return new DataView(statistics.buffer).getUint32(4, true)
  }

  /** Idempotent. Keeps the frames received so far. */
  close(): void {
    if (!this.#open) return
    this.#receive()
    this.#open = false
    this.#poller.close()
    native.close(this.#fd)
  }

  [Symbol.dispose](): void {
    this.close()
  }

  #more(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #receive(): void {
    const header = this.#vnetHdr ? uapi.VIRTIO_NET_HDR_LEN : 0
    for (;;) {
      const length = native.recvmsg(this.#fd, this.#into, 0, this.#meta)
      if (length < 0) break
      const view = new DataView(this.#into.buffer)
      const field = (at: number) => (this.#vnetHdr ? view.getUint16(at, true) : 0)
      this.frames.push({
        octets: this.#into.slice(header, length),
        flags: this.#vnetHdr ? view.getUint8(0) : 0,
        gsoType: this.#vnetHdr ? view.getUint8(1) : 0,
        gsoSize: field(4),
        csumStart: field(6),
        csumOffset: field(8),
      })
    }
    this.#wake()
  }
}

function withHeader(frame: Uint8Array, header: Partial<Omit<HostFrame, 'octets'>>): Uint8Array {
  const octets = new Uint8Array(uapi.VIRTIO_NET_HDR_LEN + frame.length)
  const view = new DataView(octets.buffer)
  view.setUint8(0, header.flags ?? 0)
  view.setUint8(1, header.gsoType ?? 0)
  view.setUint16(4, header.gsoSize ?? 0, true)
  view.setUint16(6, header.csumStart ?? 0, true)
  view.setUint16(8, header.csumOffset ?? 0, true)
  octets.set(frame, uapi.VIRTIO_NET_HDR_LEN)
  return octets
}
