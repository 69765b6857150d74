/** 'vnet/wire' without Linux: impairments and their building blocks. */
export type { Chain } from './chain.ts'
export { type DirectedWire, direct } from './directed-wire.ts'
export { parseWire } from './parse.ts'
export { runScenario, type Scenario, type ScenarioTimes } from './scenario.ts'
export { type CodelOptions, codel } from './stages/codel.ts'
export { type CorruptOptions, corrupt } from './stages/corrupt.ts'
export { type DelayOptions, delay, type ReorderOptions } from './stages/delay.ts'
export { type Distribution, parseTable } from './stages/distribution.ts'
export { type DualPi2Options, dualpi2 } from './stages/dualpi2.ts'
export { duplicate } from './stages/duplicate.ts'
export { drop, type FaultAction, type FaultWhen, fault, faultPair } from './stages/fault.ts'
export { type FqCodelOptions, fqCodel } from './stages/fq-codel.ts'
export { blackhole, type HoldGate, hold, partition } from './stages/gates.ts'
export { type LinkName, type LinkOptions, link } from './stages/link-model.ts'
export { type LossOptions, loss, lossEvery, lossGemodel, lossState } from './stages/loss.ts'
export { type MatchOptions, match } from './stages/match.ts'
export { mtu } from './stages/mtu.ts'
export { type PieOptions, pie } from './stages/pie.ts'
export { policer } from './stages/policer.ts'
export type { QueueKind } from './stages/queue.ts'
export { type RateOptions, rate } from './stages/rate.ts'
export { type RedOptions, red } from './stages/red.ts'
export { type SlotOptions, slot } from './stages/slot.ts'
export { type TraceOptions, trace } from './stages/trace.ts'
export { truncate } from './stages/truncate.ts'
export {
  type Direction,
  type Impairment,
  impairment,
  type Limit,
  type LimitSpec,
  type Wire,
  type WireEnv,
  type WireFilter,
} from './wire.ts'
