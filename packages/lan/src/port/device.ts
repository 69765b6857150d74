/**
 * The ports of lan: Ethernet interfaces on a simulated segment that look like a network card's. The
 * link comes up after a negotiation; `vnet trigger IF flap` takes it down and up again. A port is
 * on the segment only while it has a carrier, as if a cable was pulled. The interfaces have no IP
 * addresses: a DHCP client requests them from the segment.
 */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import {
  allocEtherdevMqs,
  attempt,
  bool,
  type DriverContext,
  EBADFD,
  ENETDOWN,
  EOPNOTSUPP,
  explain,
  formatAddress,
  IFF_UP,
  int,
  interfaceArg,
  isErrno,
  NETDEV_TX_OK,
  NETDEV_UNREGISTER,
  NETDEV_UP,
  NETIF_F_ALL_TAP,
  type NetDevice,
  type NetDeviceOps,
  netifCarrierOff,
  netifRunning,
  netifTxStartAllQueues,
  netifTxStopAllQueues,
  type ParamValues,
  SKB_DROP_REASON_TX_CARRIER,
  type SkBuff,
  text,
  UsageError,
} from 'vnet'
import { sameBytes } from 'vnet/kit/packet'
import { directedWires, takenSeed, wireParams } from 'vnet/kit/wire'
import type { Net } from 'vnet/net'
import { type Impairment, rate } from 'vnet/wire'
import type { Segment } from '../switch/segment.ts'
import { LanPort } from './lan-port.ts'

/** Speeds of Ethernet in Mbit/s (IEEE 802.3). */
const SPEEDS = [10, 100, 1000, 2500, 5000, 10_000, 25_000, 40_000, 50_000, 100_000]
/** Bytes of a frame on the line besides its own: preamble and delimiter 8, FCS 4, gap 12. */
const LINE_OVERHEAD = 24
/** How far frames may be ahead of the line, s: with less, the granularity of timers costs speed. */
const AHEAD = 0.001

/** The private data of a lan device. */
export interface LanPriv {
  /** Set when the device is allocated. */
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
  if (dev.carrier) {
    dev.priv.port.transmit(skb) // (3) The segment takes the frame over.
  } else {
    skb.drop(SKB_DROP_REASON_TX_CARRIER)
  }
  return NETDEV_TX_OK
}

/** Pulls the cable and plugs it in again. */
function trigger(dev: NetDevice<LanPriv>, fault: string): number {
  if (fault !== 'flap') return -EOPNOTSUPP
  if ((dev.flags & IFF_UP) === 0) return -ENETDOWN
  dev.priv.port.flap()
  return 0
}

/** A cable that is plugged in again is negotiated again, like a link that comes up. */
function cableChanged(dev: NetDevice<LanPriv>): void {
  if (dev.cut) {
    dev.priv.port.down()
  } else if (netifRunning(dev)) {
    dev.priv.port.up()
  }
}

const lanOps: NetDeviceOps<LanPriv> = {
  ndoGetWires: dev => dev.priv.port.wires,
  ndoCableChanged: cableChanged,
  ndoOpen: open,
  ndoStop: stop,
  ndoStartXmit: startXmit,
  ndoTrigger: trigger,
  faults: { flap: 'Takes the link down, and up again after a negotiation.' },
}

export const portParams = {
  // The minimum for auto-negotiation and training of a gigabit port (IEEE 802.3 cl. 28, 40).
  negotiation: int({
    default: 1500,
    max: 3_600_000,
    description: 'time from up to carrier, in ms',
  }),
  speed: text({
    default: 1000,
    description: `speed in Mbit/s: ${SPEEDS.join(', ')}`,
    parse(value) {
      if (SPEEDS.includes(Number(value))) return Number(value)
      throw new UsageError(`'${value}' is not a speed of Ethernet: ${SPEEDS.join(', ')}`)
    },
  }),
  rateLimit: bool({
    default: false,
    description: 'limit the rate to --speed, in each direction',
  }),
  ...wireParams,
}

/** Returns the requested interfaces as `[NETNS/]IF`; by default `eth%d`. */
export function lanPortArgs({ args, names }: DriverContext): readonly string[] {
  if (args.length > 0) return args
  return names.length > 0 ? names : ['eth%d']
}

/** Returns the MAC address for a port of this name in this network namespace. */
export type PortAddress = (name: string, netns: string | undefined) => Uint8Array

/** Creates the requested interfaces as ports of `segment`; `addressOf` makes MAC addresses. */
export function lanPorts(
  values: ParamValues<typeof portParams>,
  context: DriverContext,
  segment: Segment,
  addressOf: PortAddress,
): { dev: NetDevice<LanPriv>; netns: string | undefined }[] {
  const { negotiation, speed, rateLimit } = values
  const { net, txqs, rxqs } = context
  const seeded = { ...values, seed: takenSeed(values.seed, net) }
  return lanPortArgs(context)
    .map(interfaceArg)
    .map(({ name, netns }, i) => {
      // The port needs the device, which is created with it.
      const priv = {} as LanPriv
      const dev = allocEtherdevMqs({
        name,
        setup: d => setup(d, speed, () => addressOf(d.name, netns)),
        priv,
        txqs,
        rxqs,
      })
      const port = new LanPort(dev, segment, net.clock, negotiation)
      const wires = directedWires(seeded, context, port.nearEnd, port.farEnd, { nth: i })
      for (const wire of rateLimit ? wires : []) {
        wire.surround(stages => [...stages, lineOf(1e6 * speed)])
      }
      port.wires = wires
      priv.port = port
      return { dev, netns }
    })
}

const lineOf = (bits: number): Impairment =>
  rate(bits, { overhead: LINE_OVERHEAD, burst: (bits / 8) * AHEAD })

function setup(dev: NetDevice<LanPriv>, speed: number, address: () => Uint8Array): void {
  dev.netdevOps = {
    ...lanOps,
    // Before this the name is unknown.
    ndoInit({ devAddr }) {
      if (devAddr.every(octet => octet === 0)) {
        devAddr.set(address())
      }
      return 0
    },
  }
  dev.features = NETIF_F_ALL_TAP
  // Faster ports are fibre, which has a fixed speed.
  const twisted = speed <= 10_000
  dev.linkKsettings = { speed, duplex: 'full', autoneg: twisted, port: twisted ? 'tp' : 'fibre' }
  netifCarrierOff(dev)
}

const LOCALLY_ADMINISTERED = 0x02
const GROUP = 0x01

/**
 * Returns the default MAC address of a port: the same for the same name on the same machine. Its
 * first three bytes are `oui`; without `oui` it is a locally administered address.
 */
export function portAddress(name: string, oui?: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(`${machineId()}\n${name}`).digest()
  const address = Uint8Array.from(digest.subarray(0, 6))
  if (oui === undefined) {
    address[0] = (address[0] & ~GROUP) | LOCALLY_ADMINISTERED
  } else {
    address.set(oui)
  }
  return address
}

/** Returns the machine-id(5), or else the host name. */
function machineId(): string {
  const files = ['/etc/machine-id', '/var/lib/dbus/machine-id']
  return (
    files.map(path => attempt(() => readFileSync(path, 'utf8').trim())).find(Boolean) ?? hostname()
  )
}

/**
 * Keeps an IPv4 default route through the segment's gateway while one of `ports`, the primary
 * interfaces of their namespaces, is up. Router advertisements do so for IPv6. Other routes are not
 * changed. `gateway` is the gateway's IPv4 address, 4 bytes. Returns a function that changes it.
 */
export function keepPrimaryRoute(
  net: Net,
  ports: readonly NetDevice[],
  gateway: Uint8Array,
): (gateway: Uint8Array) => void {
  let via = gateway
  net.registerNetdeviceNotifier((event, dev) => {
    if (!ports.includes(dev)) return
    if (event === NETDEV_UP) {
      requestRoute(dev, via, true)
    }
    // A persistent interface would keep the route, which would lead nowhere.
    if (event === NETDEV_UNREGISTER) {
      requestRoute(dev, via, false)
    }
  })
  return address => {
    if (sameBytes(address, via)) return
    const up = ports.filter(({ flags }) => (flags & IFF_UP) !== 0)
    for (const dev of up) {
      requestRoute(dev, via, false)
    }
    via = address
    for (const dev of up) {
      requestRoute(dev, via, true)
    }
  }
}

function requestRoute({ port, log }: NetDevice, via: Uint8Array, there: boolean): void {
  port?.apply({ defaultRoute: { via, there } }).then(
    () => there && log.info(`default route via ${formatAddress(via)}`),
    error => {
      // The interface was deleted or is down, which removed the route. The next up adds it.
      if (!isErrno(error, EBADFD, ENETDOWN)) {
        log.err(error instanceof Error ? explain(error) : String(error))
      }
    },
  )
}
