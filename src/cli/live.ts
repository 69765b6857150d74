/** The life of a run's devices: from the first registration to the last statistics. */
import {
  describeException,
  EPERM,
  explain,
  isErrno,
  isOwnDefect,
  type Log,
  messageOrDescription,
} from '../base/index.ts'
import type { DeviceOwner } from '../control/operations/subject.ts'
import { CAP_NET_ADMIN, CAP_SYS_ADMIN, dropPrivileges, type Native } from '../linux/index.ts'
import type { LinuxPlatform } from '../linux/platform.ts'
import {
  type Driver,
  devOpen,
  devSetMtu,
  type Module,
  NETDEV_UNREGISTER,
  type Net,
  StepGate,
} from '../netdev/index.ts'
import type { Output } from './output.ts'
import type { CommonOptions } from './parse/options.ts'
import { netnsOf, type Plan } from './plan.ts'
import { complain, type End, EXIT_FAILURE, EXIT_OK, type Io } from './process/io.ts'
import { type DeviceStatistics, statisticsOf, Wires } from './statistics.ts'

/**
 * A run of a driver, from its loaded module on. The caller unloads the module and closes all
 * others.
 */
/** The options of a driver's command, and the containers that its interfaces are of, in order. */
export type RunOptions = CommonOptions & {
  readonly owners?: readonly (DeviceOwner | undefined)[] | undefined
}

export interface Run {
  readonly module: Module
  readonly plans: readonly Plan[]
  readonly net: Net
  readonly native: Native
  readonly platform: LinuxPlatform
  readonly options: RunOptions
  readonly io: Io
  readonly output: Output
}

/** Brings the devices up, waits for the end, and takes them down. Returns the exit status. */
export async function live(run: Run): Promise<number> {
  const { module, plans, net, io, output } = run
  const { driver } = module
  const statistics: DeviceStatistics[] = []
  const wires = new Wires()
  let end: (why: End | undefined) => void = () => {}
  const ended = new Promise<End | undefined>(resolve => {
    end = resolve
  })
  net.registerNetdeviceNotifier((event, dev) => {
    if (event !== NETDEV_UNREGISTER) return
    statistics.push(statisticsOf(dev, netnsOf(dev, plans), Date.now()))
    wires.add(dev, netnsOf(dev, plans))
    if (net.devices.length === 0) {
      end(undefined)
    }
  })
  const stopListening = io.onEnd(end)
  const { for: lasting } = run.options
  const limit = net.clock.alarm(() => end({ signal: 'SIGALRM' }))
  if (run.options.step !== undefined) {
    new StepGate(net, run.options.step)
  }
  const stopReloading = driver.reload && io.onReload?.(() => tryReload(driver, net.log))
  try {
    const configured = await bringUp(run)
    if (io.own && !run.options.keepPrivileges) {
      dropPrivileges(run.native, await needed(driver, plans))
    }
    output.ready(configured, driver)
    if (lasting !== undefined) {
      limit.at(net.clock.now() + lasting)
    }
    await using _warmUp = startWarmUp(run)
    const why = await ended
    // A frame that waits at one device is in a slot of another, which would report it as held.
    net.gate?.off()
    await module.down()
    // The statistics are the last line, unless an error follows.
    net.log.flush()
    output.statistics(statistics, wires.report())
    return exitStatus(why, driver, io)
  } finally {
    limit.cancel()
    await module.down()
    stopListening()
    stopReloading?.()
  }
}

/**
 * Starts the warm-up of a driver that has one. Disposing of the result ends it. If it fails, for
 * example because no descriptor is left, that is logged for `-v`, and the program runs on.
 */
function startWarmUp({ module: { driver }, native, net, io }: Run): AsyncDisposable | undefined {
  if (!io.sole || driver.warmUpArgs === undefined) return undefined
  const stop = new AbortController()
  const done = import('./warm-up.ts')
    .then(({ warmUp }) => warmUp(native, driver, net, stop.signal))
    .catch(error => net.log.debug(`${driver.name}: not warmed up: ${describeException(error)}`))
  return {
    async [Symbol.asyncDispose]() {
      stop.abort()
      await done
    },
  }
}

/** Reads the driver's configuration again. If it is wrong, logs why and keeps the old one. */
function tryReload(driver: Driver, log: Log): void {
  const { name } = driver
  try {
    driver.reload?.()
    log.info(`${name}: configuration read again`)
  } catch (error) {
    for (const line of messageOrDescription(error).split('\n')) {
      log.err(`${name}: ${line}`)
    }
    log.err(`${name}: the configuration stays as it was`)
  }
}

/**
 * Returns the capabilities to keep. Entering a network namespace takes CAP_SYS_ADMIN; configuring
 * an interface, in any namespace, takes CAP_NET_ADMIN.
 */
async function needed(driver: Driver, plans: readonly Plan[]): Promise<readonly number[]> {
  const entered = plans.some(({ netns }) => netns !== undefined) ? [CAP_SYS_ADMIN] : []
  return [CAP_NET_ADMIN, ...entered, ...((await driver.capabilities?.()) ?? [])]
}

/** Registers and configures all devices, and returns the plans with the addresses they got. */
async function bringUp({ module, plans, platform, options }: Run): Promise<Plan[]> {
  const { persist, user: owner, group } = options
  const configured: Plan[] = []
  await module.up({
    register: { persist, owner, group },
    configure: async (_, i) => {
      const plan = plans[i] as Plan
      configured.push({ ...plan, addresses: await configure(platform, plan, options) })
    },
  })
  await platform.settle()
  return configured
}

/**
 * Sets addresses and link state, and on an interface that existed before, the settings that options
 * name. A persistent interface that is attached to without privileges is not changed. Returns its
 * addresses.
 */
async function configure(
  platform: LinuxPlatform,
  { dev, netns, addresses, explicit }: Plan,
  options: CommonOptions,
): Promise<readonly string[]> {
  const { port } = dev
  if (port === undefined) return addresses
  async function attempt(step: Promise<void>): Promise<void> {
    try {
      await step
    } catch (error) {
      if (port?.created || !isErrno(error, EPERM)) throw error
      dev.log.warn(`used as it is: ${explain(error)}`)
    }
  }
  if (!port.created) {
    await attempt(port.apply(explicit))
  }
  if (options.mtu !== undefined) {
    await attempt(devSetMtu(dev, options.mtu))
  }
  await attempt(port.apply({ addresses }))
  if (!options.down) {
    await attempt(devOpen(dev))
  }
  return platform.addresses(dev.name, netns)
}

function exitStatus(why: End | undefined, { name, attaches }: Driver, io: Io): number {
  if (why === undefined) {
    complain(io, `the last ${attaches ? 'attachment ended' : 'interface was deleted'}, exiting`)
    return EXIT_FAILURE
  }
  if ('signal' in why) return EXIT_OK
  const what = isOwnDefect(why.defect)
    ? 'a defect of vnet'
    : `an uncaught exception of driver ${name}`
  complain(io, `${what} ended the program: ${messageOrDescription(why.defect)}`)
  return EXIT_FAILURE
}
