/**
 * 'vnet/kit/netdev', for the packages of this repository, of the same version: devices and frame
 * memory beyond what a driver needs.
 */
export { BEFORE_VNET, beforeVnetLine } from '../netdev/before-vnet.ts'
export type { ScenarioList, ScenarioStep, WireResources } from '../netdev/device-wire.ts'
export { dropText, stageDropText } from '../netdev/frame-drop.ts'
export { exportedDriver, insmod } from '../netdev/module.ts'
export { BATCH } from '../netdev/port-reader.ts'
export { RxQueue } from '../netdev/rx-queue.ts'
export { OWNER_STAGE, OWNER_WIRE } from '../skb/error.ts'
export { FRAME_MAX, type SlotAccount } from '../skb/pool.ts'
export type { SkBuffDevice } from '../skb/sk-buff.ts'
