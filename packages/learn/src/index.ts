/** '@vnet/learn': the imports of exercise.js. See packages/learn/docs/write-an-exercise.md. */
import 'vnet'

export {
  arpRequest,
  echoRequest,
  ethernetFrame,
  type Frame,
  type FrameInfo,
  type TestBed,
  type TestBedOptions,
  tcpFrame,
  udpFrame,
} from 'vnet/bed'
export { devIoctl, unregisterNetdev } from 'vnet/net'
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
export * from './observe.ts'
export * from './unusual.ts'
