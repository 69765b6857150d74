/**
 * 'vnet/kit/base', for the packages of this repository, of the same version: errors and what they
 * say, texts, durations, random streams, and queues of work.
 */
export { durationOf, formatDuration, formatNumber, timerMs } from '../base/duration.ts'
export * as errnos from '../base/errno.ts'
export {
  callerOf,
  describeException,
  isOwnDefect,
  messageOrDescription,
  type Trace,
  traceOf,
} from '../base/exception.ts'
export { Html, html } from '../base/html.ts'
export { LimitedLog } from '../base/log.ts'
export { type HeapItem, MomentHeap } from '../base/moment-heap.ts'
export { hostName, isForeign } from '../base/own-request.ts'
export { optionName, printable, shellWord } from '../base/printable.ts'
export { pairSeed, stream } from '../base/random.ts'
export { type Rate, TokenBucket } from '../base/token-bucket.ts'
export { inNextTurn, type Turns, type Work } from '../base/turns.ts'
export { asUsageError, checkOptions, didYouMean, listed } from '../base/usage-error.ts'
export { within } from '../base/within.ts'
