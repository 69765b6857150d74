/** Conservation: every frame in is out, counted as dropped, or held. */
import type { Frames, Net, NetDevice } from '../netdev/index.ts'

/** The counts of frames and of their fates, over all `devices` together. */
export interface Balance extends Frames {
  held: number
}

/** Returns the balance of frames over devices that exchange frames only with each other. */
export function balance(net: Net, devices: readonly NetDevice[] = net.devices): Balance {
  const sum: Balance = { in: 0, out: 0, dropped: 0, made: 0, held: net.pool.out }
  for (const dev of devices) {
    // Includes frames from before a reset of the statistics.
    const frames = dev.counters.frames()
    for (const fate of ['in', 'out', 'dropped', 'made'] as const) {
      sum[fate] += frames[fate]
    }
  }
  return sum
}

/**
 * Throws unless in + made = out + dropped + held. `made` counts frames that the driver itself made
 * or copied; the framework's and the wires' own copies are counted already.
 */
export function assertConserved(
  net: Net,
  devices: readonly NetDevice[] = net.devices,
  made = 0,
): Balance {
  const sum = balance(net, devices)
  sum.made += made
  if (sum.in + sum.made !== sum.out + sum.dropped + sum.held) {
    const fates = `${sum.out} out, ${sum.dropped} dropped, ${sum.held} held`
    throw new Error(`frames are not conserved: ${sum.in} in + ${sum.made} made, ${fates}`)
  }
  return sum
}
