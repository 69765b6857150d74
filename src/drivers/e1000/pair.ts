/**
 * vnet e1000: two interfaces, each with a model of Intel's 82540EM and its driver, joined by a
 * cable. Each frame passes the transmit ring of one card, the wire, and the receive ring of the
 * other. driver.ts is the driver, card.ts the model; here are the command and its faults.
 */
import { ENETDOWN, EOPNOTSUPP } from '../../base/errno.ts'
import type { Random } from '../../base/random.ts'
import { UsageError } from '../../base/usage-error.ts'
import {
  bool,
  type DriverContext,
  defineDriver,
  int,
  interfaceArgs,
  type ParamValues,
  text,
} from '../../netdev/driver.ts'
import { allocNetdevMqs } from '../../netdev/eth.ts'
import { ETH_ALEN, IFF_UP } from '../../netdev/if.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import type { NetDeviceOps } from '../../netdev/ops.ts'
import { directedWires, wireParams } from '../../wire/params.ts'
import { type E1000Adapter, e1000NetdevOps, e1000Setup, newAdapter } from './driver.ts'
import { AT_ONCE, CardCable, CardSlot } from './slot.ts'

const LAG_MAX = 1000
/** The length of a ring in bytes is a multiple of 128: eight descriptors. */
const RING_UNIT = 8

const e1000Params = {
  ringSize: int({
    default: 256,
    min: RING_UNIT,
    max: 4096,
    description: 'descriptors in each ring, a multiple of 8',
  }),
  lag: text<number>({
    default: 0,
    value: 'ms',
    description:
      "ms after which the card works on its rings; 0 is when the driver's code has returned, at-once is inside it",
    parse: parseLag,
    format: lag => (lag === AT_ONCE ? 'at-once' : String(lag)),
  }),
  weak: bool({
    default: false,
    description: "a CPU that reorders the driver's accesses to memory as much as is allowed",
  }),
  ...wireParams,
}

function parseLag(written: string): number {
  if (written === 'at-once') return AT_ONCE
  const lag = /^\d{1,4}$/.test(written) ? Number(written) : Number.NaN
  if (lag <= LAG_MAX) return lag
  throw new UsageError(`'${written}' is neither 0 to ${LAG_MAX} ms nor at-once`)
}

/** Faults that happen once, when they are triggered. */
const faults = {
  doorbell:
    'The card does not see that the next frame was put into its ring, until the frame after it.',
  hang: 'The transmitter stops, until the driver resets the card.',
  spurious: 'An interrupt that the card has not raised.',
  'dma-error':
    'The IOMMU refuses the next access to a frame: the card sends zeros, or writes nothing.',
  unplug: 'The cable is out of the card for a second.',
  removal: 'The card is pulled out of its slot, for good.',
}
type Fault = keyof typeof faults

const isFault = (name: string): name is Fault => Object.hasOwn(faults, name)

/** Causes a fault of the card, which needs a running driver. */
function trigger(slot: CardSlot, fault: string): number {
  const { dev, card, iommu } = slot
  if (!isFault(fault)) return -EOPNOTSUPP
  if ((dev.flags & IFF_UP) === 0) return -ENETDOWN
  if (fault === 'doorbell' || fault === 'hang') {
    card.faults[fault] = true
  } else if (fault === 'spurious') {
    dev.priv.irq.raise(0)
  } else if (fault === 'dma-error') {
    iommu.refusesNext = true
  } else if (fault === 'unplug') {
    slot.unplug()
  } else {
    slot.remove()
  }
  return 0
}

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
    ndoGetPeerDev: () => slot.peer,
    ndoGetWires: () => slot.wires,
    ndoCableChanged: () => slot.cableChanged(),
    ndoGetParts: dev => [...(e1000NetdevOps.ndoGetParts?.(dev) ?? []), slot.part],
    ndoTrigger: (_dev, fault) => trigger(slot, fault),
    faults,
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
    return slots.map(({ dev }, i) => ({ dev, netns: places[i]?.netns }))
  },
})
