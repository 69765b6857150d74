/** Reads an interface as `ip -d -j link` shows it, and waits for a state. */
import { LinkMonitor } from '#src/linux/links/monitor.ts'
import type { Netns, OwnNetns } from './netns.ts'

export interface ShownLink {
  readonly ifname: string
  readonly ifindex: number
  readonly address: string
  readonly mtu: number
  readonly txqlen: number
  readonly operstate: string
  readonly flags: readonly string[]
  readonly linkinfo?: { readonly info_slave_data?: { readonly state: string } }
}

export function shownLink(netns: Netns, name: string): ShownLink {
  return JSON.parse(netns.ip(`-d -j link show ${name}`))[0]
}

/** Returns how many packets the kernel has sent by an interface; a TAP's when they are read. */
export function sentPackets(netns: Netns, name: string): number {
  return shownCounters(netns, name).txPackets
}

/** The kernel's counters of an interface. */
export interface ShownCounters {
  readonly txPackets: number
  readonly txBytes: number
  readonly rxPackets: number
  readonly rxBytes: number
}

export function shownCounters(netns: Netns, name: string): ShownCounters {
  const [{ stats64 }] = JSON.parse(netns.ip(`-s -j link show ${name}`))
  const { tx, rx } = stats64
  return { txPackets: tx.packets, txBytes: tx.bytes, rxPackets: rx.packets, rxBytes: rx.bytes }
}

/** Waits until an interface is in a state. The kernel reports changes. */
export function untilShown(
  own: OwnNetns,
  netns: Netns,
  name: string,
  is: (link: ShownLink) => boolean,
): Promise<ShownLink> {
  return untilFound(own, netns, () => {
    const link = shownLink(netns, name)
    return is(link) ? link : undefined
  })
}

/**
 * Reads the links and addresses of a namespace, again after each reported change, until `look`
 * returns something.
 */
export async function untilFound<T>(
  own: OwnNetns,
  netns: Netns,
  look: () => T | undefined,
): Promise<T> {
  let changed = () => {}
  const listener = {
    onLink: () => changed(),
    onAddress: () => changed(),
    onOverrun: () => changed(),
    onNsidGone: () => {},
  }
  using _ = new LinkMonitor(own.at(netns), listener)
  for (;;) {
    const event = new Promise<void>(resolve => {
      changed = resolve
    })
    const found = look()
    if (found !== undefined) return found
    await event
  }
}

export const hasCarrier = ({ flags, operstate }: ShownLink) =>
  flags.includes('LOWER_UP') && operstate === 'UP'
export const hasNoCarrier = ({ flags, operstate }: ShownLink) =>
  flags.includes('NO-CARRIER') && operstate === 'DOWN'
export const isDown = ({ flags }: ShownLink) => !flags.includes('UP')
