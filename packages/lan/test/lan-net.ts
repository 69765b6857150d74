/**
 * A lan in memory: a segment with ports, on which frames of a client arrive and are accounted for.
 */
import { expect } from 'vitest'
import type { Frame, FrameInfo, MemoryPort } from '#src/bed/memory-port.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { formatAddress, formatMac } from '#src/packet/address.ts'
import { dropReasonName } from '#src/skb/drop-reason-name.ts'
import { type Lan, type LanOptions, lanDriver } from '#support/lan-driver.ts'
import { addDriver, type MemoryNet } from '#support/memory-net.ts'

export const NOW = Date.UTC(2026, 10, 20, 17, 37, 43)

export interface LanNet extends Lan {
  readonly devices: readonly NetDevice[]
  readonly ports: readonly MemoryPort[]
  readonly port: MemoryPort
  /** Number of frames that the test's stations kept, minus frames that they made. */
  readonly outside: { kept: number }
  /** Sends frames through the first port, or another, and returns the frames that it delivers. */
  ask(
    frame: ArrayLike<number> | readonly Uint8Array[],
    info?: FrameInfo,
    port?: MemoryPort,
  ): Frame[]
  /** Drops on the segment by reason. */
  drops(): Record<string, number>
}

/**
 * A driver on `memory` with ports that are up with a carrier. `ask` checks that no frame is lost.
 */
export async function addLan(
  memory: MemoryNet,
  options: LanOptions = {},
  params: Record<string, unknown> = {},
  args: string[] = ['eth8'],
): Promise<LanNet> {
  let network: Lan | undefined
  const driver = lanDriver({
    now: () => NOW,
    ...options,
    setup: it => {
      network = it
      return options.setup?.(it)
    },
  })
  const { devices, ports } = await addDriver(
    memory,
    driver,
    { negotiation: 0, ...params },
    { args, txqs: 2, rxqs: 2 },
  )
  const it = network as unknown as Lan
  const [first] = ports as [MemoryPort]
  const outside = { kept: 0 }
  return {
    ...it,
    outside,
    devices,
    ports,
    port: first,
    ask(frame, info = {}, port = first) {
      const before = port.received.length
      const frames =
        'length' in frame && frame[0] instanceof Uint8Array ? (frame as Uint8Array[]) : [frame]
      for (const each of frames) {
        port.transmit(Uint8Array.from(each as ArrayLike<number>), 1, info)
      }
      port.drain()
      memory.net.flush()
      settle(memory, { ...it, outside })
      return port.received.slice(before)
    },
    drops() {
      const entries = [...it.segment.drops.entries()].filter(([, n]) => n > 0)
      return Object.fromEntries(entries.map(([reason, n]) => [dropReasonName(reason), n]))
    },
  }
}

/** Checks that every frame of the segment and of the devices is accounted for. */
export function settle(
  memory: MemoryNet,
  { segment, outside }: Pick<LanNet, 'segment' | 'outside'>,
): void {
  const { stats } = segment
  expect([stats.in, stats.dropped, stats.held >= 0]).toEqual([
    stats.out + stats.taken + stats.dropped + stats.held,
    segment.drops.reduce((sum, n) => sum + n, 0),
    true,
  ])
  memory.made = stats.made - stats.taken - stats.dropped - outside.kept
  memory.conserved()
}

/** The addresses of a table of neighbours or of a switch as text, hardware address last. */
export function textOf(
  entries: readonly { readonly address?: Uint8Array; readonly mac: Uint8Array }[],
): string[] {
  return entries.map(({ address, mac }) =>
    address ? `${formatAddress(address)} ${formatMac(mac, 0)}` : formatMac(mac, 0),
  )
}
