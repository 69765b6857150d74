/** Faults of a card and of its surroundings, which happen once when they are triggered. */
import { ENETDOWN, EOPNOTSUPP } from '../../base/errno.ts'
import { IFF_UP } from '../../netdev/if.ts'
import type { CardSlot } from './slot.ts'

/** What each fault does, by its name. */
export const e1000Faults = {
  doorbell:
    'The card does not see that the next frame was put into its ring, until the frame after it.',
  hang: 'The transmitter stops, until the driver resets the card.',
  spurious: 'An interrupt that the card has not raised.',
  'dma-error':
    'The IOMMU refuses the next access to a frame: the card sends zeros, or writes nothing.',
  unplug: 'The cable is out of the card for a second.',
  removal: 'The card is pulled out of its slot, for good.',
}
type Fault = keyof typeof e1000Faults

const isFault = (name: string): name is Fault => Object.hasOwn(e1000Faults, name)

/** Causes a fault of the card, which needs a running driver. Returns 0, or an error. */
export function triggerFault(slot: CardSlot, fault: string): number {
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
