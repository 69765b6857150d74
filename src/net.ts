/**
 * 'vnet/net': for a program that runs drivers itself. A Net has the platform, the clock and the
 * log, and registerNetdev puts devices on it. loadNative loads the native addon; importing this
 * does not.
 */
import './base/dispose.ts'

export { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING, Log } from './base/log.ts'
export { type Random, random } from './base/random.ts'
export { TimerfdClock } from './linux/clock.ts'
export { loadNative, type Native } from './linux/native.ts'
export { LinuxPlatform } from './linux/platform.ts'
export type { DebugOptions } from './netdev/debug/debug.ts'
export type { Finding } from './netdev/debug/hooks.ts'
export { devIoctl, noMemory, type UserMemory } from './netdev/dev-ioctl.ts'
export { Net, type NetdeviceNotifier, type NetOptions } from './netdev/net.ts'
export type { LinkChange, LinkRequest, LinkState, Platform, Port, PortQueue, PortSpec } from './netdev/port.ts'
export { type RegisterOptions, registerNetdev, unregisterNetdev } from './netdev/register.ts'
export * from './skb/drop-reason-name.ts'
