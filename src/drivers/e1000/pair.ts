/**
 * vnet e1000: two interfaces, each with a model of Intel's 82540EM and its driver, joined by a
 * cable. Each frame passes the transmit ring of one card, the wire, and the receive ring of the
 * other. driver.ts is the driver, card.ts the model; here is the command.
 */
import type { Random } from '../../base/random.ts'
import { UsageError } from '../../base/usage-error.ts'
import {
  type DriverContext,
  defineDriver,
  interfaceArgs,
  type ParamValues,
} from '../../netdev/driver.ts'
import { allocNetdevMqs } from '../../netdev/eth.ts'
import { ETH_ALEN } from '../../netdev/if.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import type { NetDeviceOps } from '../../netdev/ops.ts'
import { directedWires, wireParams } from '../../wire/params.ts'
import { e1000Faults, triggerFault } from './card-faults.ts'
import { cardParams, RING_UNIT } from './card-params.ts'
import { type E1000Adapter, e1000NetdevOps, e1000Setup, newAdapter } from './driver.ts'
import { CardCable, CardSlot } from './slot.ts'

const e1000Params = { ...cardParams, ...wireParams }

/** Returns the operations of the driver, and the operations of the machine around it. */
function opsOf(slot: CardSlot): NetDeviceOps<E1000Adapter> {
  return {
    ...e1000NetdevOps,
    ndoStop(dev) {
      slot.plugIn()
      return e1000NetdevOps.ndoStop?.(dev)
    },
    ndoUninit(dev) {
      e1000NetdevOps.ndoUninit?.(dev)
      slot.leave()
    },
    ndoGetPeerDev: () => slot.peer as NetDevice<E1000Adapter> | undefined,
    ndoGetWires: () => slot.wires,
    ndoCableChanged: () => slot.cableChanged(),
    ndoGetParts: dev => [...(e1000NetdevOps.ndoGetParts?.(dev) ?? []), slot.part],
    ndoTrigger: (_dev, fault) => triggerFault(slot, fault),
    faults: e1000Faults,
  }
}

/** Returns a random address for an EEPROM, locally administered and unicast. */
function stationAddress(random: Random): Uint8Array {
  const address = Uint8Array.from({ length: ETH_ALEN }, () => random.below(256))
  address[0] = (address[0] & 0xfe) | 0x02
  return address
}

function makeDevice(slot: CardSlot, name: string, ring: number): NetDevice<E1000Adapter> {
  return allocNetdevMqs({
    name,
    setup(dev) {
      e1000Setup(dev)
      dev.netdevOps = opsOf(slot)
    },
    priv: newAdapter(slot.pdev, ring),
  })
}

function refuse(
  { ringSize }: ParamValues<typeof e1000Params>,
  { txqs = 1, rxqs = 1 }: DriverContext,
) {
  if (ringSize % RING_UNIT !== 0) {
    throw new UsageError(
      `e1000: --ring-size ${ringSize}: a ring has a multiple of ${RING_UNIT} descriptors`,
    )
  }
  if (txqs > 1 || rxqs > 1) {
    throw new UsageError(
      'e1000: the card has one queue in each direction: leave out --txqs, --rxqs',
    )
  }
}

export const driver = defineDriver({
  name: 'e1000',
  description: 'two interfaces with models of a real card, joined as by a cable',
  args: '[[NETNS/]IF0 [NETNS/]IF1]',
  params: e1000Params,
  init(params, context) {
    refuse(params, context)
    const cable = new CardCable()
    const places = interfaceArgs(context, ['e0', 'e1'])
    const slots = places.map(({ name }, i) => {
      const mac = stationAddress(context.net.random)
      const slot = new CardSlot(`00:0${i + 3}.0`, mac, cable, params)
      slot.dev = makeDevice(slot, name, params.ringSize)
      return slot
    })
    const [a, b] = slots as [CardSlot, CardSlot]
    const wires = directedWires(params, context, a.end, b.end)
    for (const [i, slot] of slots.entries()) {
      slot.wires = wires
      slot.outgoing = wires[i]
    }
    return slots.map(({ dev }, i) => ({
      dev: dev as NetDevice<E1000Adapter>,
      netns: places[i]?.netns,
    }))
  },
})
