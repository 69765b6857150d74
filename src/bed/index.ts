/**
 * 'vnet/bed': testBed runs a driver in memory. Below it there are a platform in memory, a clock
 * that stands still until it is moved, and the conservation of frames. Nothing native is loaded.
 */
import '../base/dispose.ts'
import type { AnyDevice, Driver, Params, ParamValues } from '../netdev/driver.ts'
import type { TestBedOptions } from './bed-options.ts'
import type { TestBed } from './test-bed.ts'

export type * from './bed-options.ts'
export { assertConserved, type Balance, balance } from './conservation.ts'
export { FakeClock } from './fake-clock.ts'
export * from './frames.ts'
export {
  type Frame,
  type FrameInfo,
  MemoryPlatform,
  MemoryPort,
  type MemoryQueue,
} from './memory-port.ts'
export type { TestBed }

/**
 * Makes a test bed. Its modules are loaded here, because a clock does not need them. Rejects with
 * the error of `init`, or of registering a device.
 */
export async function testBed<P extends Params, Dev extends AnyDevice>(
  driver: Driver<P, Dev>,
  params: Partial<ParamValues<P>> = {},
  options: TestBedOptions = {},
): Promise<TestBed<P, Dev>> {
  const loaded = await import('./test-bed.ts')
  return loaded.TestBed.make(driver, params, options)
}
