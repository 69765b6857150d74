/** '@vnet/learn': the imports of exercise.js. See packages/learn/docs/write-an-exercise.md. */
import 'vnet/internal/base/dispose'

export type { TestBedOptions } from 'vnet/internal/bed/bed-options'
export {
  arpRequest,
  echoRequest,
  ethernetFrame,
  tcpFrame,
  udpFrame,
} from 'vnet/internal/bed/frames'
export type { Frame, FrameInfo } from 'vnet/internal/bed/memory-port'
export type { TestBed } from 'vnet/internal/bed/test-bed'
export { devIoctl } from 'vnet/internal/netdev/dev-ioctl'
export { unregisterNetdev } from 'vnet/internal/netdev/register'
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
