/** 'vnet/drivers': the drivers of vnet, and parts of them to build others with. */
import '../base/dispose.ts'

export { driver as cable } from './cable.ts'
export { type CardConnections, E1000Card } from './e1000/card.ts'
export { e1000Faults } from './e1000/card-faults.ts'
export { cardParams as e1000CardParams } from './e1000/card-params.ts'
export * as e1000Hw from './e1000/hw.ts'
export { MirrorSlot, type MirrorSlotOptions } from './e1000/mirror-slot.ts'
export { driver as e1000 } from './e1000/pair.ts'
export { flipNetwork } from './flip/hidden-loopback.ts'
export { driver as loop } from './loop.ts'
export { filtered, RxFilter } from './rx-filter.ts'
export {
  faultParams as snullFaultParams,
  SNULL_RX_INTR,
  SNULL_TX_INTR,
  SnullHw,
} from './snull/board.ts'
export { driver as snull } from './snull/driver.ts'
