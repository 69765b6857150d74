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

interface WirePriv {
  readonly path: string
  readonly end: GuestEnd
  socket: Socket | undefined
}

/** The outer end of one wire of a machine. */
export interface GuestEnd {
  /** `sw0`, or `a/sw0` in a network namespace. */
  readonly name: string
  readonly mac: string
  readonly isNoArp: boolean
  readonly addresses: readonly string[]
}

/** A broadcast, by the EtherType for local experiments (IEEE 802), as in course/kernel/guest.c. */
const ETHERNET = Buffer.from('ffffffffffffffffffffffff88b5', 'hex')
/** The bytes of the length, and those before a frame. */
const LENGTH = 4
const HEADERS = ETHERNET.length + uapi.VIRTIO_NET_HDR_LEN

function devInit(dev: NetDevice<WirePriv>): void {
  const socket = connect(dev.priv.path)
  dev.priv.socket = socket
  let rest = Buffer.alloc(0)
  socket.on('error', () => {}).on('drain', () => netifTxWakeAllQueues(dev))
  socket.on('data', chunk => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    while (rest.length - at >= LENGTH) {
      const next = at + LENGTH + rest.readUInt32BE(at)
      if (next > rest.length) break
      receive(dev, rest.subarray(at + LENGTH, next))
      at = next
    }
    rest = rest.subarray(at)
  })
}

function receive(dev: NetDevice<WirePriv>, packet: Uint8Array): void {
  const length = packet.length - HEADERS
  const skb = length < 0 ? undefined : devAllocSkb(dev, length)
  if (skb === undefined) {
    dev.counters.count(0, RX_DROPPED)
    return
  }
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
  },
  init({ sockets, ends }) {
    return (JSON.parse(ends) as GuestEnd[]).map((end, i) => {
      const { name, netns } = interfaceArg(end.name)
      const priv: WirePriv = { path: `${sockets}${i}`, end, socket: undefined }
      return {
        dev: allocEtherdevMqs({ name, setup, priv }),
        netns,
        addresses: [...end.addresses],
      }
    })
  },
})
