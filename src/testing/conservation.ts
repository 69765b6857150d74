/** Conservation: every frame in is a frame out or a counted drop, or is still held. */
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { RX_PACKETS, TX_PACKETS } from '../core/stats.ts'

/** What went in and what became of it, over all `devices` together. */
export interface Balance {
  in: number
  /** Those merged into another are part of one that is out. */
  out: number
  dropped: number
  held: number
}

/** The balance of frames over devices whose frames stay among them. */
export function balance(net: Net, devices: readonly NetDevice[] = net.devices): Balance {
  const sum: Balance = { in: 0, out: 0, dropped: 0, held: net.pool.out }
  for (const dev of devices) {
    const stats = dev.counters.sum()
    sum.in += stats[TX_PACKETS]
    sum.out += stats[RX_PACKETS]
    for (const n of dev.counters.groMerged) sum.out += n
    const { tx, rx } = dev.counters.drops()
    for (const n of [...tx, ...rx]) sum.dropped += n
  }
  return sum
}

/** Throws unless in = out + dropped + held. `made` are frames that the driver itself made or copied, on top of those in. */
export function assertConserved(net: Net, devices: readonly NetDevice[] = net.devices, made = 0): Balance {
  const sum = balance(net, devices)
  if (sum.in + made !== sum.out + sum.dropped + sum.held) {
    throw new Error(
      `frames are not conserved: ${sum.in} in + ${made} made, ${sum.out} out, ${sum.dropped} dropped, ${sum.held} held`,
    )
  }
  return sum
}
