/** '@vnet/lab/history': histories and their checks (packages/lab/docs/explore-further.md). */
export { counter, noLostWrites, onceOnly, uniqueIds } from './checks.ts'
export { History, type Operation, type OperationOptions, type OperationOutcome } from './history.ts'
export { type LinearizableOptions, linearizable } from './register.ts'
