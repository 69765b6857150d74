/**
 * 'vnet/net': for a program that runs drivers itself. runDriver does all that is needed. A Net has
 * the platform, the clock and the log, and registerNetdev puts devices on it. loadNative loads the
 * native addon; importing this does not.
 */
import './base/dispose.ts'
import { LOGLEVEL_WARNING, Log } from './base/log.ts'
import { type Addon, loadNative as load, TimerfdClock } from './linux/index.ts'
import { LinuxPlatform } from './linux/platform.ts'
import type { AnyDevice, Driver, ModuleOptions, NetDevice, Params } from './netdev/index.ts'
import { insmod, Net } from './netdev/index.ts'

export { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING, Log } from './base/log.ts'
export { type Random, random } from './base/random.ts'
export { TimerfdClock } from './linux/clock.ts'
export type { Addon } from './linux/native.ts'
export { LinuxPlatform } from './linux/platform.ts'
export type { DebugOptions } from './netdev/debug/debug.ts'
export type { Finding } from './netdev/debug/hooks.ts'
export { devIoctl, noMemory, type UserMemory } from './netdev/dev-ioctl.ts'
export { Net, type NetdeviceNotifier, type NetOptions } from './netdev/net.ts'
export type {
  LinkChange,
  LinkRequest,
  LinkState,
  Platform,
  Port,
  PortQueue,
  PortSpec,
} from './netdev/port.ts'
export { type RegisterOptions, registerNetdev, unregisterNetdev } from './netdev/register.ts'
export * from './skb/drop-reason-name.ts'

/** Loads the native addon. Throws a VnetError with what to do if it is missing, or off Linux. */
export const loadNative = load as () => unknown as () => Addon

/**
 * The options of runDriver: the driver's parameters, arguments and interface names as on the
 * command line, and how the run is visible from outside.
 */
export interface RunDriverOptions<P extends Params = Params> extends Omit<ModuleOptions<P>, 'net'> {
  /** False: `vnet list` and the other commands do not find it. */
  readonly control?: boolean
  /** Warnings and errors go to stderr by default. */
  readonly log?: Log
}

/** A driver that runs. Disposing of it is as stop(). */
export interface DriverRun extends AsyncDisposable {
  readonly net: Net
  readonly devices: readonly NetDevice[]
  /** Unregisters the devices, and closes all that runDriver opened. Idempotent. */
  stop(): Promise<void>
}

/**
 * Loads a driver as the command `vnet` does: makes its interfaces with their addresses, brings them
 * up, and serves them to other commands. Rejects with the error of the first step that fails; then
 * nothing remains.
 */
export async function runDriver<P extends Params, Dev extends AnyDevice>(
  driver: Driver<P, Dev>,
  {
    control = true,
    log = new Log(LOGLEVEL_WARNING, (_, line) => console.error(line)),
    ...options
  }: RunDriverOptions<P> = {},
): Promise<DriverRun> {
  const native = load()
  const opened: AsyncDisposable[] = [new TimerfdClock(native)]
  const [clock] = opened as [TimerfdClock]
  let stopped: Promise<void> | undefined
  const close = async (): Promise<void> => {
    try {
      await opened.pop()?.[Symbol.asyncDispose]()
    } finally {
      if (opened.length > 0) {
        await close()
      }
    }
  }
  const stop = (): Promise<void> => {
    stopped ??= close()
    return stopped
  }
  try {
    const platform = new LinuxPlatform(native, line => log.warn(line))
    opened.push(platform)
    const net = new Net({ platform, clock, log })
    const module = insmod(driver, { ...options, net })
    opened.push(module)
    await module.up({ addresses: module.specs.map(({ addresses }) => addresses) })
    await platform.settle()
    if (control) {
      const { serveControl } = await import('./control/server/server.ts')
      const { name, params } = driver
      opened.push(serveControl(native, net, { module: { name, params, values: module.params } }))
    }
    return { net, devices: module.devices, stop, [Symbol.asyncDispose]: stop }
  } catch (error) {
    await stop()
    throw error
  }
}
