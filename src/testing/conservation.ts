/** Conservation: every frame in is a frame out or a counted drop, or is still held. */
import type { Frames } from '../core/counters.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'

/** What went in and what became of it, over all `devices` together. */
export interface Balance extends Frames {
  held: number
}

/** The balance of frames over devices whose frames stay among them. */
export function balance(net: Net, devices: readonly NetDevice[] = net.devices): Balance {
  const sum: Balance = { in: 0, out: 0, dropped: 0, held: net.pool.out }
  for (const dev of devices) {
    // Those from before its statistics were reset too.
    const frames = dev.counters.frames()
    sum.in += frames.in
    sum.out += frames.out
    sum.dropped += frames.dropped
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
