/** A line about one frame, as tcpdump would print it: for devices whose msgEnable asks for it. */
import { print } from '../header/print.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { NetDevice } from './net-device.ts'

/** `tx-0 IP 198.18.0.1 > 198.18.0.2: ...`: from the host by transmit queue 0, or (`rx`) to it. */
export function logFrame(dev: NetDevice, way: 'tx' | 'rx', skb: SkBuff): void {
  const gso = skb.gsoSize === 0 ? '' : `, gso ${skb.gsoSize}`
  dev.log.info(`${way}-${skb.queueMapping} ${print(skb.bytes, skb.data, skb.len)}${gso}`)
}
