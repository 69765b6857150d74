/**
 * 'vnet/tap': TAP interfaces and real time. The native addon is loaded by loadNative, not before.
 */
import './netdev/dispose.ts'

export { TimerfdClock } from './linux/clock.ts'
export { loadNative, type Native } from './linux/native.ts'
export { LinuxPlatform } from './linux/platform.ts'
