/**
 * The ports of lan: Ethernet interfaces that look like real ones, on a simulated segment (src/lan has what else is on it). The link comes
 * up after a time of negotiation, and goes and comes again with `vnet trigger IF flap`. A port is on the segment only while it
 * has a carrier, so the switch floods and forgets as one does whose cable is pulled.
 *
 * Several interfaces are ports of one segment. They get no protocol addresses: a DHCP client asks the segment for them.
 */
import { allocEtherdevMqs } from '../core/alloc.ts'
import { bool, type DriverContext, int, interfaceArg, type ParamValues, text, UsageError } from '../core/driver.ts'
import { ENETDOWN, EOPNOTSUPP } from '../core/errno.ts'
import { IFF_UP, NETDEV_TX_OK, NETIF_F_ALL_TAP } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifCarrierOff, netifTxStartAllQueues, netifTxStopAllQueues } from '../core/netif.ts'
import type { NetDeviceOps } from '../core/ops.ts'
import type { Segment } from '../segment/segment.ts'
import { SKB_DROP_REASON_TX_CARRIER } from '../skb/drop-reason.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import { LanPort } from './lan-port.ts'

/** Mbit/s that Ethernet has (IEEE 802.3). */
const SPEEDS = [10, 100, 1000, 2500, 5000, 10_000, 25_000, 40_000, 50_000, 100_000]

export interface LanPriv {
  /** There once the device is allocated. */
  port: LanPort
}

function open(dev: NetDevice<LanPriv>): void {
  netifTxStartAllQueues(dev)
  dev.priv.port.up()
}

function stop(dev: NetDevice<LanPriv>): void {
  netifTxStopAllQueues(dev)
  dev.priv.port.down()
}

function startXmit(skb: SkBuff, dev: NetDevice<LanPriv>): number {
  if (dev.carrier)
    dev.priv.port.transmit(skb) // (4) handed on to the segment
  else skb.drop(SKB_DROP_REASON_TX_CARRIER)
  return NETDEV_TX_OK
}

/** The cable is pulled and put in again. */
function trigger(dev: NetDevice<LanPriv>, fault: string): number {
  if (fault !== 'flap') return -EOPNOTSUPP
  if ((dev.flags & IFF_UP) === 0) return -ENETDOWN
  dev.priv.port.flap()
  return 0
}

const lanOps: NetDeviceOps<LanPriv> = {
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoTrigger: trigger,
}

export const portParams = {
  // What a gigabit port takes for auto-negotiation and training at best (IEEE 802.3 cl. 28, 40).
  negotiation: int({ default: 1500, max: 3_600_000, description: 'ms from up to carrier' }),
  speed: text({
    default: 1000,
    description: `Mbit/s: ${SPEEDS.join(', ')}`,
    parse(value) {
      if (SPEEDS.includes(Number(value))) return Number(value)
      throw new UsageError(`'${value}' is no speed of Ethernet: it is one of ${SPEEDS.join(', ')}`)
    },
  }),
  rateLimit: bool({ default: false, description: 'no faster than --speed, in each direction' }),
}

/** `[NETNS/]IF` of each interface asked for; `eth%d` unless any is. */
export function lanPortArgs({ args, names }: DriverContext): readonly string[] {
  if (args.length > 0) return args
  return names.length > 0 ? names : ['eth%d']
}

/** The hardware address of a port that gets this name, in the namespace that was asked for. */
export type PortAddress = (name: string, netns: string | undefined) => Uint8Array

/** The interfaces asked for, `eth%d` unless any, as ports of a segment. One that nobody gave a hardware address asks for it by its name. */
export function lanPorts(
  { negotiation, speed, rateLimit }: ParamValues<typeof portParams>,
  context: DriverContext,
  segment: Segment,
  addressOf: PortAddress,
): { dev: NetDevice<LanPriv>; netns: string | undefined }[] {
  const { net, txqs, rxqs } = context
  return lanPortArgs(context)
    .map(interfaceArg)
    .map(({ name, netns }) => {
      // The port is made with the device, which it needs.
      const priv = {} as LanPriv
      const dev = allocEtherdevMqs({
        name,
        setup: d => setup(d, speed, () => addressOf(d.name, netns)),
        priv,
        txqs,
        rxqs,
      })
      priv.port = new LanPort(dev, segment, net.clock, negotiation, rateLimit ? speed : undefined)
      return { dev, netns }
    })
}

function setup(dev: NetDevice<LanPriv>, speed: number, address: () => Uint8Array): void {
  dev.netdevOps = {
    ...lanOps,
    // Only now is its name known.
    ndoInit({ devAddr }) {
      if (devAddr.every(octet => octet === 0)) devAddr.set(address())
      return 0
    },
  }
  dev.features = NETIF_F_ALL_TAP
  // Faster ones are fibre, of a fixed speed.
  const twisted = speed <= 10_000
  dev.linkKsettings = { speed, duplex: 'full', autoneg: twisted, port: twisted ? 'tp' : 'fibre' }
  netifCarrierOff(dev)
}
