/**
 * '@vnet/conform': the cases of `vnet conform`, and what runs them on a stack in this process. Such
 * a stack takes part as a `World`, which gives it frames and returns the frames that it sends:
 *
 *     for (const one of readTable().flatMap(({ cases }) => cases).filter(isPassive)) {
 *       const skipped = await runCase(one, new MyWorld()) // rejects with a CaseFailure
 *     }
 */
export { type Case, isPassive, parseCases, type Step } from './notation.ts'
export type { Recorded } from './run.ts'
export { CaseFailure, type Outcome, runCase, runPatiently } from './run-case.ts'
export type { Station, Stations } from './stations.ts'
export { type Group, readGroup, readTable } from './table.ts'
export { INTERFACE_TOLERANCE, type Program, type Sent, type World } from './world.ts'
