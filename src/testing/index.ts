/**
 * 'vnet/testing': what tests of a driver need: a platform in memory, a clock that stands still, and
 * the conservation of frames.
 */
import '../netdev/dispose.ts'

export { assertConserved, type Balance, balance } from './conservation.ts'
export { FakeClock } from './fake-clock.ts'
export { type Frame, type FrameInfo, MemoryPlatform, MemoryPort, type MemoryQueue } from './memory-port.ts'
