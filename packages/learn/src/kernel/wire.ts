/**
 * The driver of the outer wire ends of a virtual machine: passes frames between the kernel and a
 * network card of QEMU. On its socket each frame follows a length (4 bytes, big-endian), which QEMU
 * removes, an Ethernet header, which guest.c removes, and its vnet header. So long frames reach the
 * module as they are, with their checksums left to do.
 */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { createVnetHdr, parseVnetHdr } from 'vnet/internal/linux/tap/frame-queue'
import { VIRTIO_NET_HDR_LEN } from 'vnet/internal/linux/uapi'
import * as netdev from 'vnet/internal/netdev/index'
import { parseMac } from 'vnet/internal/packet/address'
import { devAllocSkb, type SkBuff } from 'vnet/internal/skb/index'

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
const HEADERS = ETHERNET.length + VIRTIO_NET_HDR_LEN

function devInit(dev: netdev.NetDevice<WirePriv>): void {
  const socket = connect(dev.priv.path)
  dev.priv.socket = socket
  let rest = Buffer.alloc(0)
  socket.on('error', () => {}).on('drain', () => netdev.netifTxWakeAllQueues(dev))
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

function receive(dev: netdev.NetDevice<WirePriv>, packet: Uint8Array): void {
  const length = packet.length - HEADERS
  const skb = length < 0 ? undefined : devAllocSkb(dev, length)
  if (skb === undefined) {
    dev.counters.count(0, netdev.RX_DROPPED)
    return
  }
  const at = skb.put(length)
  // The headroom has place for the vnet header.
  skb.bytes.set(packet.subarray(ETHERNET.length), at - VIRTIO_NET_HDR_LEN)
  parseVnetHdr(skb)
  netdev.netifRx(skb)
}

function startXmit(skb: SkBuff, dev: netdev.NetDevice<WirePriv>): void {
  const packet = Buffer.allocUnsafe(LENGTH + HEADERS + skb.len)
  packet.writeUInt32BE(HEADERS + skb.len)
  packet.set(ETHERNET, LENGTH)
  createVnetHdr(skb)
  packet.set(skb.bytes.subarray(skb.data - VIRTIO_NET_HDR_LEN, skb.tail), LENGTH + ETHERNET.length)
  skb.free()
  if (dev.priv.socket?.write(packet) === false) {
    netdev.netifTxStopAllQueues(dev)
  }
}

function uninit({ priv }: netdev.NetDevice<WirePriv>): void {
  priv.socket?.destroy()
}

const ops: netdev.NetDeviceOps<WirePriv> = {
  ndoInit: devInit,
  ndoUninit: uninit,
  ndoStartXmit: startXmit,
}

function setup(dev: netdev.NetDevice<WirePriv>): void {
  const { mac, isNoArp } = dev.priv.end
  dev.netdevOps = ops
  // The guest's kernel does what the module does not offer.
  dev.features = netdev.NETIF_F_SG | netdev.NETIF_F_HW_CSUM | netdev.NETIF_F_TSO
  dev.devAddr.set(parseMac(mac) as Uint8Array)
  if (isNoArp) {
    dev.flags |= netdev.IFF_NOARP
  }
}

export const driver = netdev.defineDriver({
  name: 'kernel-wire',
  description: 'the outer ends of wires to a virtual machine',
  params: {
    sockets: netdev.text({
      default: '',
      value: 'PATH',
      description: 'QEMU listens at PATH0, PATH1 and so on',
    }),
    ends: netdev.text({
      default: '[]',
      value: 'JSON',
      description: 'the interfaces of the virtual machine',
    }),
  },
  init({ sockets, ends }) {
    return (JSON.parse(ends) as GuestEnd[]).map((end, i) => {
      const { name, netns } = netdev.interfaceArg(end.name)
      const priv: WirePriv = { path: `${sockets}${i}`, end, socket: undefined }
      return {
        dev: netdev.allocEtherdevMqs({ name, setup, priv }),
        netns,
        addresses: [...end.addresses],
      }
    })
  },
})
