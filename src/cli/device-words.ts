/** A device in the words of `--json`, those of the line `ready`. */
import type { FoundDevice } from '../control/index.ts'
import { IFF_UP } from '../core/if.ts'

/** `state` is `up`, `down` or `no-carrier`; null is what an older vnet does not tell. */
export function deviceWords(device: FoundDevice) {
  const { name, ifindex, netns, driver, mac, mtu, txQueues, rxQueues, vnet, pid } = device
  return {
    name,
    ifindex,
    netns: netns ?? null,
    driver: driver ?? null,
    state: state(device) ?? null,
    mac: mac ?? null,
    mtu: mtu ?? null,
    txqs: txQueues,
    rxqs: rxQueues,
    vnet,
    pid: pid ?? null,
  }
}

function state({ flags, carrier }: FoundDevice): string | undefined {
  if (flags === undefined) return undefined
  if ((flags & IFF_UP) === 0) return 'down'
  return carrier === false ? 'no-carrier' : 'up'
}
