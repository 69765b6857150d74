/**
 * __NAME__: an interface in which the machine sees itself. What it sends to any other address of
 * 198.18.0.0/24 comes back from there after a delay.
 */
import {
  type Alarm,
  allocEtherdevMqs,
  defineDriver,
  ETH_HLEN,
  ETH_P_IP,
  ethTypeTrans,
  IFF_NOARP,
  int,
  ipv4,
  type NetDevice,
  type NetDeviceOps,
  NSEC_PER_MSEC,
  netifRx,
  PACKET_HOST,
  type ParamValues,
  Ring,
  SKB_DROP_REASON_DEV_STOPPED,
  SKB_DROP_REASON_FULL_RING,
  SKB_DROP_REASON_IP_INHDR,
  SKB_DROP_REASON_IP_NOT_TRANSLATABLE,
  SKB_DROP_REASON_UNHANDLED_PROTO,
  type SkBuff,
} from 'vnet'

const params = {
  delay: int({ default: 10, max: 1000, live: true, description: 'ms until a frame is back' }),
}

/** The driver's own data for a device (netdev_priv). */
interface Priv {
  readonly params: ParamValues<typeof params>
  /** Frames that wait, oldest first. */
  readonly waiting: Ring
  /** Rings when they have waited long enough; made in ndoInit. */
  alarm?: Alarm
}

type Device = NetDevice<Priv>

/** Swaps source and destination. Returns 0, or the reason for a drop. */
function reflect(skb: SkBuff, dev: Device): number {
  if (ethTypeTrans(skb, dev) !== ETH_P_IP) return SKB_DROP_REASON_UNHANDLED_PROTO
  if (skb.pktType !== PACKET_HOST) return SKB_DROP_REASON_IP_NOT_TRANSLATABLE
  if (ipv4.parse(skb.bytes, skb.nh, skb.len - ETH_HLEN) < 0) return SKB_DROP_REASON_IP_INHDR
  ipv4.swapAddresses(skb.bytes, skb.nh)
  return 0
}

/** The kernel transmits a frame, which the driver owns from here on. */
function startXmit(skb: SkBuff, dev: Device): void {
  const { params, waiting, alarm } = dev.priv
  const reason = waiting.length === waiting.capacity ? SKB_DROP_REASON_FULL_RING : reflect(skb, dev)
  if (reason !== 0) {
    skb.drop(reason)
    return
  }
  waiting.push(skb)
  if (waiting.length === 1) {
    alarm?.at(dev.net.clock.now() + params.delay * NSEC_PER_MSEC)
  }
}

/** The time is over: the kernel receives what waits. */
function arrived(dev: Device): void {
  const { waiting } = dev.priv
  for (let skb = waiting.shift(); skb !== undefined; skb = waiting.shift()) {
    netifRx(skb)
  }
}

/** The interface goes down: nothing may be left. */
function stop(dev: Device): void {
  dev.priv.alarm?.cancel()
  dev.priv.waiting.purge(SKB_DROP_REASON_DEV_STOPPED)
}

const ops: NetDeviceOps<Priv> = {
  ndoInit(dev) {
    dev.priv.alarm = dev.net.clock.alarm(() => arrived(dev))
  },
  ndoStop: stop,
  ndoStartXmit: startXmit,
}

function setup(dev: Device): void {
  dev.netdevOps = ops
  dev.flags |= IFF_NOARP // nothing replies to ARP
}

export const driver = defineDriver({
  name: '__NAME__',
  description: 'the machine sees itself',
  params,
  init(params) {
    const priv: Priv = { params, waiting: new Ring(64) }
    return [
      {
        dev: allocEtherdevMqs({ name: '__PREFIX__%d', setup, priv }),
        addresses: ['198.18.0.1/24'],
      },
    ]
  },
})
