/**
 * 'vnet/wire' without Linux: impairments and what they are made with.
 */
export type { Chain } from './chain.ts'
export { type CodelOptions, codel } from './codel.ts'
export { type CorruptOptions, corrupt } from './corrupt.ts'
export { type DelayOptions, delay, type ReorderOptions } from './delay.ts'
export { type Distribution, parseTable } from './distribution.ts'
export { duplicate } from './duplicate.ts'
export { drop, type FaultAction, type FaultWhen, fault } from './fault.ts'
export { blackhole, type HoldGate, hold, partition } from './gates.ts'
export { type LossOptions, loss, lossEvery, lossGemodel, lossState } from './loss.ts'
export { match, type WireFilter } from './match.ts'
export { mtu } from './mtu.ts'
export type { QueueKind } from './queue.ts'
export { type RateOptions, rate } from './rate.ts'
export { type RedOptions, red } from './red.ts'
export { runScenario, type Scenario, type ScenarioTimes } from './scenario.ts'
export { type SlotOptions, slot } from './slotting.ts'
export { type TraceOptions, trace } from './trace.ts'
export { truncate } from './truncate.ts'
export {
  type Direction,
  type Impairment,
  impairment,
  type Limit,
  type LimitSpec,
  type Wire,
  type WireEnv,
} from './wire.ts'
export type { WireSlot } from './wire-slot.ts'
export { parseWire } from './words/parse.ts'
