/** Runs a driver: loads it, plans its devices, and unloads it when they are unregistered. */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import type { Clock } from '../base/clock.ts'
import { explain } from '../base/errno.ts'
import { describeException } from '../base/exception.ts'
import { LimitedLog, Log } from '../base/log.ts'
import { random } from '../base/random.ts'
import { Turns } from '../base/turns.ts'
import { UsageError } from '../base/usage-error.ts'
import { serveControl } from '../control/server/server.ts'
import type { NetNamespace } from '../control/sockets/directory.ts'
import { CLONE_FILES, check, loadNative, type Native, TimerfdClock } from '../linux/index.ts'
import { netnsPath } from '../linux/netns-name.ts'
import { LinuxPlatform } from '../linux/platform.ts'
import { TapPort } from '../linux/tap/port.ts'
import { functionPlace } from '../netdev/debug/function-place.node.ts'
import { type Driver, namedBy } from '../netdev/driver.ts'
import {
  NETDEV_CHANGE,
  NETDEV_CHANGEADDR,
  NETDEV_CHANGEMTU,
  NETIF_MSG_FRAMES,
  NETIF_MSG_LINK,
} from '../netdev/if.ts'
import { insmod, type Module } from '../netdev/module.ts'
import { Net } from '../netdev/net.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import { formatMac } from '../packet/address.ts'
import { LinuxWireResources } from '../wire/wire-resources.node.ts'
import { live, type Run, type RunOptions } from './live.ts'
import { jsonOutput, textOutput } from './output.ts'
import type { CommonOptions } from './parse/options.ts'
import {
  keepAddresses,
  netnsOf,
  type Plan,
  planDevices,
  refuseConflicts,
  refuseOverlaps,
} from './plan.ts'
import { EXIT_FAILURE, EXIT_OK, type Io, logLevel } from './process/io.ts'
import { enterCommand, enterNamespaces } from './rootless.ts'

/** Runs the driver to its end. Returns the exit status. */
export async function run(
  driver: Driver,
  params: Record<string, unknown>,
  args: readonly string[],
  options: RunOptions,
  io: Io,
): Promise<number> {
  const { quiet = false, verbose = 0 } = options
  if (options.chaos !== undefined && !options.debug) throw new UsageError('--chaos needs --debug')
  io.writeLater?.()
  const enter = io.own ? enterCommand() : undefined
  const output = options.json ? jsonOutput(io, quiet, enter) : textOutput(io, quiet, enter)
  const native = loadNative()
  const stages = namedBy(driver.params, params, 'stages')
  if (stages.length > 0) {
    await io.watchLockups?.(driver.name)
    const { importFile } = await import('./driver-file.ts')
    // It may start a thread of Node's, which needs the descriptors of the others too.
    for (const file of stages) {
      await importFile(file)
    }
  }
  prepareThread(native, options, io)
  const log = new Log(logLevel(options), output.log)
  await using clock = new TimerfdClock(native)
  await using platform = new LinuxPlatform(
    native,
    text => log.warn(`vnet: ${text}`),
    new Turns(clock),
  )
  const chance = random(randomBytes(4).readUInt32LE())
  using _errors = logDriverErrors(driver, log, clock, io)
  await using wireResources = await openWireResources(driver, params, stages, log)
  // -v has the carrier in its lines already.
  const msgEnable = verbose > 1 ? NETIF_MSG_FRAMES & ~NETIF_MSG_LINK : 0
  const debugging = options.debug ? await import('../netdev/debug/debug.ts') : undefined
  const debug = debugging?.debugWith({ chaos: options.chaos, placeOf: functionPlace })
  const net = new Net({ platform, clock, random: chance, log, msgEnable, debug })
  const { name: names = [], netns, txqs, rxqs } = options
  let made: Module | undefined
  const initialize = () => {
    made ??= insmod(driver, { args, net, names, netns, txqs, rxqs, wireResources, params })
    return made
  }
  const named = [...args, ...namedBy(driver.params, params, 'interface')]
  if (io.own) {
    enterNamespaces(native, options, named, () => initialize().devices.map(({ name }) => name))
  }
  const module = initialize()
  let status = EXIT_FAILURE
  try {
    const plans = planDevices(module.specs, options).map(plan =>
      keepAddresses(platform, plan, options),
    )
    if (options.delete) {
      status = await removeAll(platform, plans)
    } else {
      status = await runDevices({ module, plans, net, native, platform, options, io, output })
    }
  } finally {
    if (!(await unload(module, net, wireResources))) {
      status = EXIT_FAILURE
    }
  }
  return status
}

/** Prepares the main thread, which carries the frames. */
function prepareThread(native: Native, { busyPoll = 0 }: CommonOptions, io: Io): void {
  // Each read or write with a descriptor table that threads share takes a reference, which costs a
  // few percent of a small frame (fdget in fs/file.c). A container may forbid unshare(2): the table
  // then remains shared.
  if (io.sole) {
    native.unshare(CLONE_FILES)
    native.shortenSlice()
  }
  check(native.setBusyPoll(busyPoll), 'setBusyPoll')
}

/** Returns the resources of wires, with the own stages of `stages`. */
async function openWireResources(
  driver: Driver,
  params: Record<string, unknown>,
  stages: readonly string[],
  log: Log,
): Promise<LinuxWireResources> {
  const hasScenario = namedBy(driver.params, params, 'scenario').length > 0
  const scenarios = hasScenario ? await import('../wire/scenario-file.ts') : undefined
  const resources = new LinuxWireResources(scenarios?.parseScenario, error =>
    log.err(`vnet: log: ${explain(error)}`),
  )
  for (const file of stages) {
    await resources.loadStages(file, (await import('./driver-file.ts')).importFile)
  }
  return resources
}

/** Runs the devices with what serves them: the control socket and a capture. */
async function runDevices(parts: Run): Promise<number> {
  const { module, plans, net, native, platform, options, io } = parts
  const { driver } = module
  refuseOverlaps(plans)
  for (const plan of plans) {
    refuseConflicts(platform, plan)
  }
  if (options.verbose) {
    net.registerNetdeviceNotifier((event, dev) => {
      if (event === NETDEV_CHANGEMTU) {
        dev.changeLog.debug('mtu', `mtu ${dev.mtu}`)
      } else if (event === NETDEV_CHANGEADDR) {
        dev.changeLog.debug('address', `address ${formatMac(dev.devAddr)}`)
      } else if (event === NETDEV_CHANGE) {
        dev.changeLog.debug(
          'flags',
          `flags 0x${dev.flags.toString(16)}, carrier ${dev.carrier ? 'on' : 'off'}`,
        )
      }
    })
  }
  await using _control = serveControl(native, net, {
    netnsOf: dev => netnsOf(dev, plans),
    namespaceOf: dev => namespaceOf(dev, netnsOf(dev, plans)),
    ownerOf: dev => options.owners?.[module.devices.indexOf(dev)],
    module: {
      name: driver.name,
      params: driver.params,
      values: module.params,
      attaches: driver.attaches,
      flips: driver.flips,
      segment: driver.segment && (kinds => driver.segment?.(kinds) ?? []),
    },
    owner: options.user,
    captureGroup: options.captureGroup,
    deputy: await io.deputy?.(),
  })
  const captures = options.capture === undefined ? undefined : await import('./run-capture.ts')
  const endCapture = await captures?.startCapture({
    net,
    driver,
    plans,
    options,
    isOwn: io.own === true,
  })
  let status = EXIT_FAILURE
  try {
    status = await live(parts)
  } finally {
    if ((await endCapture?.()) === false) {
      status = EXIT_FAILURE
    }
  }
  return status
}

/** Logs errors of the driver that nothing handles, until disposed. */
function logDriverErrors({ name }: Driver, log: Log, clock: Clock, io: Io): Disposable {
  const limited = new LimitedLog(log.named(name), clock, { lines: 1, seconds: 1 })
  const stop = io.onDriverError?.((what, error) => {
    limited.err(what, () => `${what}: ${describeException(error)}; vnet goes on`)
  })
  return { [Symbol.dispose]: () => stop?.() }
}

/** Calls the driver's exit, and closes the logs of wires. Returns whether both succeeded. */
async function unload(
  module: Module,
  { log, debug, pool }: Net,
  resources: LinuxWireResources,
): Promise<boolean> {
  const { name } = module.driver
  let isWhole = true
  try {
    await module.rmmod()
    log.debug(`${name}: module unloaded`)
  } catch (error) {
    isWhole = false
    log.err(`${name}: exit: ${describeException(error)}`)
  }
  await resources[Symbol.asyncDispose]().catch(() => {
    // It was reported when it happened.
    isWhole = false
  })
  debug?.end()
  log.flush()
  if (pool.out > 0) {
    log.err(`${pool.out} frames were neither handed on nor freed`)
  }
  return isWhole
}

/** Removes every interface that can be removed, then throws the first error. Returns EXIT_OK. */
async function removeAll(platform: LinuxPlatform, plans: readonly Plan[]): Promise<number> {
  const errors: unknown[] = []
  for (const { dev, netns } of plans) {
    await platform.remove(dev.name, netns).catch(error => errors.push(error))
  }
  if (errors.length > 0) throw errors[0]
  return EXIT_OK
}

/** Returns a device's network namespace; undefined if that is the program's own. */
function namespaceOf({ port }: NetDevice, netns: string | undefined): NetNamespace | undefined {
  if (port instanceof TapPort) return port.namespace()
  const found =
    netns === undefined ? undefined : statSync(netnsPath(netns), { throwIfNoEntry: false })
  return found && { inode: found.ino }
}
