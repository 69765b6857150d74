/**
 * 'vnet/kit/wire', for the packages of this repository, of the same version: texts of a wire,
 * scenarios and fault stages, for those who read or make them.
 */
export type { WireEnd } from '../wire/directed-wire.ts'
export { Cursor } from '../wire/grammar/cursor.ts'
export { HeldPackets } from '../wire/held.ts'
export { directedWires, takenSeed, wireParams } from '../wire/params.ts'
export { PRESETS, readWireText } from '../wire/parse.ts'
export { scenarioOf } from '../wire/scenario.ts'
export { checkScenario, parseScenario, scenarioOfSteps, stepKeys } from '../wire/scenario-file.ts'
export { LimitedQueue } from '../wire/stages/delay-queue.ts'
export { ecnOf } from '../wire/stages/ecn.ts'
export { FaultActions, payloadMiddle } from '../wire/stages/fault-actions.ts'
export { FAULT_VERBS, type FaultVerb, TIMELESS_VERBS } from '../wire/stages/fault-verbs.ts'
export { Streams } from '../wire/stages/streams.ts'
export { formatRate, formatShare, parseSize, quoted } from '../wire/units.ts'
