/** 'vnet/testing': what a driver's tests need: a host in memory, a clock that stands still, and the conservation of frames. */
export { assertConserved, type Balance, balance } from './conservation.ts'
export { FakeClock } from './fake-clock.ts'
export { type Frame, type FrameInfo, MemoryHost, MemoryPort, type MemoryQueue } from './memory-port.ts'
