/**
 * The driver of the outer ends of the wires to a virtual machine: each frame that the kernel
 * transmits goes to a network card of QEMU by a Unix socket, and each frame of the card is received
 * here. On the socket each frame follows its length, 4 bytes, big-endian.
 */
import { Buffer } from 'node:buffer'
import { connect, type Socket } from 'node:net'
import { defineDriver, interfaceArg, text } from '../../netdev/driver.ts'
import { allocEtherdevMqs } from '../../netdev/eth.ts'
import { IFF_NOARP } from '../../netdev/if.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { netifRx, netifTxStopAllQueues, netifTxWakeAllQueues } from '../../netdev/netif.ts'
import type { NetDeviceOps } from '../../netdev/ops.ts'
import { RX_DROPPED } from '../../netdev/stats.ts'
import { parseMac } from '../../packet/address.ts'
import { devAllocSkb } from '../../skb/alloc-skb.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'

interface WirePriv {
  /** The path of QEMU's socket. */
  readonly path: string
  readonly end: WireEnd
  socket: Socket | undefined
}

/** An interface of the learner, as the virtual machine reports it. */
export interface WireEnd {
  /** `sw0`, or `a/sw0` in a network namespace. */
  readonly name: string
  readonly mac: string
  readonly isNoArp: boolean
  readonly addresses: readonly string[]
}

/** The bytes in front of a frame. */
const LENGTH = 4

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

function receive(dev: NetDevice<WirePriv>, frame: Uint8Array): void {
  const skb = devAllocSkb(dev.net.pool, frame.length)
  if (skb === undefined) {
    dev.counters.count(0, RX_DROPPED)
    return
  }
  const at = skb.put(frame.length)
  skb.bytes.set(frame, at)
  skb.dev = dev
  netifRx(skb)
}

function startXmit(skb: SkBuff, dev: NetDevice<WirePriv>): void {
  const frame = Buffer.allocUnsafe(LENGTH + skb.len)
  frame.writeUInt32BE(skb.len)
  frame.set(skb.bytes.subarray(skb.data, skb.tail), LENGTH)
  skb.free()
  if (dev.priv.socket?.write(frame) === false) netifTxStopAllQueues(dev)
}

function uninit({ priv }: NetDevice<WirePriv>): void {
  priv.socket?.destroy()
}

const ops: NetDeviceOps<WirePriv> = { ndoInit: devInit, ndoUninit: uninit, ndoStartXmit: startXmit }

function setup(dev: NetDevice<WirePriv>): void {
  const { mac, isNoArp } = dev.priv.end
  dev.netdevOps = ops
  dev.devAddr.set(parseMac(mac) as Uint8Array)
  if (isNoArp) dev.flags |= IFF_NOARP
}

export const driver = defineDriver({
  name: 'kernel-wire',
  description: 'the outer ends of wires to a virtual machine',
  params: {
    sockets: text({ default: '', value: 'PATH', description: 'QEMU listens at PATH0, PATH1 and so on' }),
    ends: text({ default: '[]', value: 'JSON', description: 'the interfaces of the virtual machine' }),
  },
  init({ sockets, ends }) {
    return (JSON.parse(ends) as WireEnd[]).map((end, i) => {
      const { name, netns } = interfaceArg(end.name)
      const priv: WirePriv = { path: `${sockets}${i}`, end, socket: undefined }
      return { dev: allocEtherdevMqs({ name, setup, priv }), netns, addresses: [...end.addresses] }
    })
  },
})
