/**
 * The driver of the outer wire ends of a virtual machine: passes frames between the kernel and a
 * network card of QEMU. On its socket each frame follows a length (4 bytes, big-endian), which QEMU
 * removes, an Ethernet header, which guest.c removes, and its vnet header. So long frames reach the
 * module as they are, with their checksums left to do.
 */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import {
  allocEtherdevMqs,
  bool,
  defineDriver,
  devAllocSkb,
  IFF_NOARP,
  interfaceArg,
  NETIF_F_HW_CSUM,
  NETIF_F_SG,
  NETIF_F_TSO,
  type NetDevice,
  type NetDeviceOps,
  netifRx,
  netifTxStopAllQueues,
  netifTxWakeAllQueues,
  parseMac,
  RX_DROPPED,
  type SkBuff,
  text,
} from 'vnet'
import { createVnetHdr, parseVnetHdr } from 'vnet/kit/machine'
import { uapi } from 'vnet/kit/net'
import { connectMirror, framesOf } from './cable.ts'

interface WirePriv {
  readonly path: string
  readonly end: GuestEnd
  readonly cable: Cable | undefined
  socket: Socket | undefined
  mirror: Socket | undefined
}

/** The outer end of one wire of a machine. */
export interface GuestEnd {
  /** `sw0`, or `a/sw0` in a network namespace. */
  readonly name: string
  readonly mac: string
  readonly isNoArp: boolean
  readonly addresses: readonly string[]
}

/** The cable of the machine's card, whose frames return by the first interface, or by the card. */
interface Cable {
  readonly path: string
  readonly sendsOnly: boolean
}

/** A broadcast, by the EtherType for local experiments (IEEE 802), as in course/kernel/guest.c. */
const ETHERNET = Buffer.from('ffffffffffffffffffffffff88b5', 'hex')
/** The bytes of the length, and those before a frame. */
const LENGTH = 4
const HEADERS = ETHERNET.length + uapi.VIRTIO_NET_HDR_LEN

function devInit(dev: NetDevice<WirePriv>): void {
  const { priv } = dev
  const socket = connect(priv.path)
  priv.socket = socket
  socket.on('error', () => {}).on('drain', () => netifTxWakeAllQueues(dev))
  socket.on(
    'data',
    framesOf(packet => receive(dev, packet)),
  )
  if (priv.cable === undefined) return
  const { path, sendsOnly } = priv.cable
  priv.mirror = connectMirror(path, sendsOnly ? frame => receiveFrame(dev, frame) : undefined)
}

/** Returns an skb with room for a frame; undefined, counted, without memory. */
function allocSkb(dev: NetDevice<WirePriv>, length: number): SkBuff | undefined {
  const skb = length < 0 ? undefined : devAllocSkb(dev, length)
  if (skb === undefined) {
    dev.counters.count(0, RX_DROPPED)
  }
  return skb
}

/** Hands a frame to the kernel that has no headers before it. */
function receiveFrame(dev: NetDevice<WirePriv>, frame: Uint8Array): void {
  const skb = allocSkb(dev, frame.length)
  if (skb === undefined) return
  skb.bytes.set(frame, skb.put(frame.length))
  netifRx(skb)
}

function receive(dev: NetDevice<WirePriv>, packet: Uint8Array): void {
  const length = packet.length - HEADERS
  const skb = allocSkb(dev, length)
  if (skb === undefined) return
  const at = skb.put(length)
  // The headroom has place for the vnet header.
  skb.bytes.set(packet.subarray(ETHERNET.length), at - uapi.VIRTIO_NET_HDR_LEN)
  parseVnetHdr(skb)
  netifRx(skb)
}

function startXmit(skb: SkBuff, dev: NetDevice<WirePriv>): void {
  const packet = Buffer.allocUnsafe(LENGTH + HEADERS + skb.len)
  packet.writeUInt32BE(HEADERS + skb.len)
  packet.set(ETHERNET, LENGTH)
  createVnetHdr(skb)
  packet.set(
    skb.bytes.subarray(skb.data - uapi.VIRTIO_NET_HDR_LEN, skb.tail),
    LENGTH + ETHERNET.length,
  )
  skb.free()
  if (dev.priv.socket?.write(packet) === false) {
    netifTxStopAllQueues(dev)
  }
}

function uninit({ priv }: NetDevice<WirePriv>): void {
  priv.socket?.destroy()
  priv.mirror?.destroy()
}

const ops: NetDeviceOps<WirePriv> = {
  ndoInit: devInit,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
}

function setup(dev: NetDevice<WirePriv>): void {
  const { mac, isNoArp } = dev.priv.end
  dev.netdevOps = ops
  // The guest's kernel does what the module does not offer.
  dev.features = NETIF_F_SG | NETIF_F_HW_CSUM | NETIF_F_TSO
  dev.devAddr.set(parseMac(mac) as Uint8Array)
  if (isNoArp) {
    dev.flags |= IFF_NOARP
  }
}

export const driver = defineDriver({
  name: 'kernel-wire',
  description: 'the outer ends of wires to a virtual machine',
  params: {
    sockets: text({
      default: '',
      value: 'PATH',
      description: 'QEMU listens at PATH0, PATH1 and so on',
    }),
    ends: text({
      default: '[]',
      value: 'JSON',
      description: 'the interfaces of the virtual machine',
    }),
    cable: text({
      default: '',
      value: 'PATH',
      description: "the cable of the machine's card, at which a mirror is",
    }),
    sendsOnly: bool({
      default: false,
      description: "hand the mirror's frames to the first interface, not to the card",
    }),
  },
  init({ sockets, ends, cable, sendsOnly }) {
    return (JSON.parse(ends) as GuestEnd[]).map((end, i) => {
      const { name, netns } = interfaceArg(end.name)
      const priv: WirePriv = {
        path: `${sockets}${i}`,
        end,
        cable: cable !== '' && i === 0 ? { path: cable, sendsOnly } : undefined,
        socket: undefined,
        mirror: undefined,
      }
      return {
        dev: allocEtherdevMqs({ name, setup, priv }),
        netns,
        addresses: [...end.addresses],
      }
    })
  },
})
