/** The families of a net, to which tests send requests. */

import type { Family } from '#src/control/operations/operation.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { nlctrl } from '#src/control/server/nlctrl.ts'
import { addDevice, type MemoryNet } from '#support/memory-net.ts'

export const GET_DEVICES = 2
export const GET_STATS = 3

export const only = (...families: Family[]) => new Map(families.map(family => [family.id, family]))

/** Adds two devices to a net, the second of which is in another namespace. */
export async function served(memory: MemoryNet) {
  const one = await addDevice(memory, {}, { name: 'one', txqs: 2, rxqs: 1 })
  const two = await addDevice(memory, {}, { name: 'two' })
  const netnsOf = (dev: unknown) => (dev === two.dev ? 'red' : undefined)
  const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf })
  return { ...memory, one, two, families: only(nlctrl([vnet]), vnet) }
}
