/**
 * Prints which functions that carry every frame V8 has optimized, before the warm-up of
 * `vnet cable` and after it. Run it with --allow-natives-syntax and --no-concurrent-recompilation.
 */
import { warmUp } from '../../dist/cli/warm-up.js'
import { driver } from '../../dist/drivers/cable.js'
import { eventLoopClock } from '../../dist/linux/clock.js'
import { loadNative } from '../../dist/linux/index.js'
import { Net } from '../../dist/netdev/net.js'

/** Is set for all optimized code (kOptimized in src/runtime/runtime.h of V8). */
const OPTIMIZED = 1 << 4
const PATH = {
  flush: Net.prototype.flush,
  listener: undefined,
}
const statusOf = new Function('fn', 'return %GetOptimizationStatus(fn)')
const optimized = () =>
  Object.keys(PATH).filter(name => PATH[name] && (statusOf(PATH[name]) & OPTIMIZED) !== 0)

const before = optimized()
const log = { debug: text => console.error(text) }
const addon = loadNative()
const native = Object.assign(Object.create(addon), {
  createPoller(fd, listener) {
    PATH.listener = listener
    return addon.createPoller(fd, listener)
  },
})
await warmUp(native, driver, { clock: eventLoopClock, log }, new AbortController().signal)
console.log(JSON.stringify({ before, after: optimized() }))
