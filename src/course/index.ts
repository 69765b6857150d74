/**
 * 'vnet/course': what exercise.js of an exercise imports besides 'vnet'. See
 * docs/write-an-exercise.md.
 */
import '../base/dispose.ts'

export { devIoctl } from '../netdev/dev-ioctl.ts'
export { unregisterNetdev } from '../netdev/register.ts'
export type { TestBedOptions } from '../testing/bed-options.ts'
export { arpRequest, echoRequest, ethernetFrame, tcpFrame, udpFrame } from '../testing/frames.ts'
export type { Frame, FrameInfo } from '../testing/memory-port.ts'
export type { TestBed } from '../testing/test-bed.ts'
export { beforeCall, recordCalls } from './calls.ts'
export {
  type Bench,
  type CheckPlace,
  COURSE_VERSION,
  defineExercise,
  type Exercise,
  type ExerciseDefinition,
  type Explanation,
  fail,
  type Live,
  type LiveCheck,
  type LiveStatistics,
  type LiveVnet,
  type MemoryCheck,
  type Mistake,
  type ProgramOutput,
  type Result,
  verify,
} from './exercise.ts'
export { type Pings, verifyDownAndUp, verifyNothingLost, verifyUsed } from './pings.ts'
export { addressesOf, counts, macAt, numberOf } from './text.ts'
