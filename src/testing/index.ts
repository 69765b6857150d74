/**
 * 'vnet/testing': createLab makes networks in which programs are tested, and testBed runs a driver
 * in memory. Below testBed there are a platform in memory, a clock that stands still, and the
 * conservation of frames. Nothing native is loaded before createLab is called.
 */
import '../netdev/dispose.ts'

export type {
  IoctlOptions,
  IoctlResult,
  PingOptions,
  PingResult,
  TestBedOptions,
  TransmitOptions,
} from './bed-options.ts'
export { assertConserved, type Balance, balance } from './conservation.ts'
export { FakeClock } from './fake-clock.ts'
export * from './frames.ts'
export * from './lab/index.ts'
export { type Frame, type FrameInfo, MemoryPlatform, MemoryPort, type MemoryQueue } from './memory-port.ts'
export { type TestBed, testBed } from './test-bed.ts'
