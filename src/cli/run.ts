/** Runs a driver: makes its devices live, says so, and waits for the end. */
import { randomBytes } from 'node:crypto'
import { statSync } from 'node:fs'
import { serveControl } from '../control/server.ts'
import { type DeviceSpec, type Driver, UsageError } from '../core/driver.ts'
import { E2BIG, EEXIST, EINVAL, EPERM, isErrno, VnetError } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import { NETDEV_UNREGISTER, NETIF_MSG_FRAMES, NETREG_REGISTERED } from '../core/if.ts'
import { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, Log } from '../core/log.ts'
import { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import { random } from '../core/random.ts'
import { devOpen, registerNetdev, unregisterNetdev } from '../core/register.ts'
import { prefixesIntersect, toCidr } from '../kernel/cidr.ts'
import { TimerfdClock } from '../kernel/clock.ts'
import { check } from '../kernel/errno.ts'
import { LinuxHost } from '../kernel/host.ts'
import { loadNative, type Native } from '../kernel/native.ts'
import { netnsPath } from '../kernel/netns-name.ts'
import { dropPrivileges } from '../kernel/privileges.ts'
import { TapPort } from '../kernel/tap-port.ts'
import { CAP_NET_ADMIN, CAP_SYS_ADMIN, CLONE_FILES } from '../kernel/uapi.ts'
import { type End, EXIT_FAILURE, EXIT_OK, type Io } from './io.ts'
import type { CommonOptions } from './options.ts'
import { jsonOutput, type Output, textOutput } from './output.ts'
import { type Plan, planDevices } from './plan.ts'
import { enterCommand, enterNamespaces } from './rootless.ts'
import { type DeviceStatistics, statisticsOf } from './statistics.ts'
import { traceChanges } from './trace.ts'

export async function run(
  driver: Driver,
  params: Record<string, unknown>,
  args: readonly string[],
  options: CommonOptions,
  io: Io,
): Promise<number> {
  const { quiet = false, verbose = 0 } = options
  io.writeLater?.()
  const enter = io.own ? enterCommand() : undefined
  const output = options.json ? jsonOutput(io, quiet, enter) : textOutput(io, quiet, enter)
  const level = quiet ? LOGLEVEL_ERR : verbose > 0 ? LOGLEVEL_DEBUG : LOGLEVEL_INFO
  const native = loadNative()
  // Every read and write of a descriptor that threads share is counted, at a few percent of a small frame (fdget in fs/file.c).
  // A container may forbid it; then they are shared.
  if (io.sole) native.unshare(CLONE_FILES)
  check(native.setBusyPoll(options.busyPoll ?? 0), 'setBusyPoll')
  const log = new Log(level, output.log)
  await using host = new LinuxHost(native, text => log.warn(`vnet: ${text}`))
  await using clock = new TimerfdClock(native)
  const chance = random(randomBytes(4).readUInt32LE())
  const net = new Net({ host, clock, random: chance, log, msgEnable: verbose > 1 ? NETIF_MSG_FRAMES : 0 })
  let made: readonly DeviceSpec[] | undefined
  const initialize = () => {
    made ??= init(driver, params, args, options, net)
    return made
  }
  // What is to be an uplink is there already.
  const named = typeof params.uplink === 'string' ? [...args, params.uplink] : args
  if (io.own) enterNamespaces(native, options, named, () => initialize().map(({ dev }) => dev.name))
  const specs = initialize()
  let status = EXIT_FAILURE
  try {
    const plans = planDevices(specs, options).map(plan => keepAddresses(host, plan, options))
    if (options.delete) {
      await removeAll(host, plans)
      status = EXIT_OK
    } else {
      refuseOverlaps(plans)
      for (const plan of plans) refuseConflicts(host, plan)
      if (verbose > 0) traceChanges(net)
      using _control = serveControl(native, net, {
        netnsOf: dev => plans.find(plan => plan.dev === dev)?.netns,
        namespaceOf: dev => namespaceOf(dev, plans.find(plan => plan.dev === dev)?.netns),
        module: {
          ...{ name: driver.name, params: driver.params, values: params },
          segment: driver.segment && (kinds => driver.segment?.(kinds) ?? []),
        },
        owner: options.user,
      })
      status = await live(driver, plans, net, { native, host }, options, io, output)
    }
  } finally {
    if (!(await unload(driver, log))) status = EXIT_FAILURE
    if (net.pool.out > 0) log.err(`${net.pool.out} frames were neither handed on nor freed`)
  }
  return status
}

/** Inode of the network namespace that a device is in, or is being registered in; undefined is our own. */
function namespaceOf({ port }: NetDevice, netns: string | undefined): number | undefined {
  if (port instanceof TapPort) return port.namespace()
  return netns === undefined ? undefined : statSync(netnsPath(netns), { throwIfNoEntry: false })?.ino
}

/** What is wrong with the new configuration is said, and the old one stays. */
function tryReload(driver: Driver, log: Log): void {
  const { name } = driver
  try {
    driver.reload?.()
    log.info(`${name}: configuration read again`)
  } catch (error) {
    const isTold = error instanceof UsageError || error instanceof VnetError
    for (const line of (isTold ? error.message : describeException(error)).split('\n')) log.err(`${name}: ${line}`)
    log.err(`${name}: the configuration stays as it was`)
  }
}

/** The driver's exit, which may be async. False when it failed, which is logged: what went wrong before is what is thrown. */
async function unload(driver: Driver, log: Log): Promise<boolean> {
  try {
    await driver.exit?.()
  } catch (error) {
    log.err(`${driver.name}: exit: ${describeException(error)}`)
    return false
  }
  log.debug(`${driver.name}: module unloaded`)
  return true
}

function init(
  driver: Driver,
  params: Record<string, unknown>,
  args: readonly string[],
  options: CommonOptions,
  net: Net,
): readonly DeviceSpec[] {
  let specs: readonly DeviceSpec[]
  try {
    const { name: names = [], netns, txqs, rxqs } = options
    specs = driver.init(params, { args, net, names, netns, txqs, rxqs })
  } catch (error) {
    // What a driver cannot allocate was asked for on the command line.
    if (!isErrno(error, EINVAL, E2BIG)) throw error
    throw new UsageError(error.advice === undefined ? error.message : `${error.syscall}: ${error.advice}`)
  }
  if (Array.isArray(specs) && specs.length > 0) return specs
  let advice = 'it must answer a list of devices, at least one: [{ dev }]'
  const answer: unknown = specs
  if (answer instanceof Promise) {
    advice = `it must not be async: ${advice}`
    answer.catch(error => net.log.err(`${driver.name}: init: ${describeException(error)}`))
  }
  throw new VnetError(EINVAL, `init of ${driver.name}`, advice)
}

/** Removes what is there also when some are not; then says the first that was not. */
async function removeAll(host: LinuxHost, plans: readonly Plan[]): Promise<void> {
  const errors: unknown[] = []
  for (const { dev, netns } of plans) await host.remove(dev.name, netns).catch(error => errors.push(error))
  if (errors.length > 0) throw errors[0]
}

/** An interface that is there already keeps the addresses it has, unless others are asked for. */
function keepAddresses(host: LinuxHost, plan: Plan, { address }: CommonOptions): Plan {
  const { dev, netns } = plan
  return address === undefined && host.addresses(dev.name, netns).length > 0 ? { ...plan, addresses: [] } : plan
}

/** Two interfaces on one network would silently take each other's traffic: among those of this run, */
function refuseOverlaps(plans: readonly Plan[]): void {
  const all = plans.flatMap(plan => plan.addresses.map(text => ({ plan, text, cidr: toCidr(text) })))
  for (const [i, one] of all.entries()) {
    const other = all
      .slice(i + 1)
      .find(({ plan, cidr }) => plan !== one.plan && plan.netns === one.plan.netns && prefixesIntersect(cidr, one.cidr))
    if (other === undefined) continue
    throw new UsageError(
      `${one.text} and ${other.text} are on one network: give ${one.plan.dev.name} and ${other.plan.dev.name} one each`,
    )
  }
}

/** and of one of them and any that is there. */
function refuseConflicts(host: LinuxHost, { dev, netns, addresses }: Plan): void {
  for (const address of addresses) {
    const conflict = host.conflict(address, netns, dev.name)
    if (conflict === undefined) continue
    throw new VnetError(
      EEXIST,
      `address ${address}`,
      `${conflict}; choose others with --address, or --no-address or --netns`,
    )
  }
}

/** From the first registration to the last statistics. */
async function live(
  driver: Driver,
  plans: readonly Plan[],
  net: Net,
  { native, host }: { native: Native; host: LinuxHost },
  options: CommonOptions,
  io: Io,
  output: Output,
): Promise<number> {
  const statistics: DeviceStatistics[] = []
  let end: (why: End | undefined) => void = () => {}
  const ended = new Promise<End | undefined>(resolve => {
    end = resolve
  })
  net.registerNetdeviceNotifier((event, dev) => {
    if (event !== NETDEV_UNREGISTER) return
    statistics.push(statisticsOf(dev, plans.find(plan => plan.dev === dev)?.netns))
    if (net.devices.length === 0) end(undefined)
  })
  const stopListening = io.onEnd(end)
  const stopReloading = driver.reload && io.onReload?.(() => tryReload(driver, net.log))
  try {
    const configured = await bringUp(plans, net, host, options)
    if (io.own && !options.keepPrivileges) dropPrivileges(native, await needed(driver, plans))
    output.ready(configured, driver)
    const why = await ended
    await takeDown(plans)
    output.statistics(statistics)
    return exitStatus(why, io)
  } finally {
    await takeDown(plans)
    stopListening()
    stopReloading?.()
  }
}

/**
 * To enter a network namespace takes CAP_SYS_ADMIN; to configure an interface, wherever it is,
 * CAP_NET_ADMIN.
 */
async function needed(driver: Driver, plans: readonly Plan[]): Promise<readonly number[]> {
  const entered = plans.some(({ netns }) => netns !== undefined) ? [CAP_SYS_ADMIN] : []
  return [CAP_NET_ADMIN, ...entered, ...((await driver.capabilities?.()) ?? [])]
}

/** Registers and configures all, or leaves nothing behind, also of what was to stay. */
async function bringUp(plans: readonly Plan[], net: Net, host: LinuxHost, options: CommonOptions): Promise<Plan[]> {
  const { persist, user: owner, group } = options
  try {
    for (const { dev, netns } of plans) await registerNetdev(dev, net, { netns, persist, owner, group })
    const configured: Plan[] = []
    for (const plan of plans) configured.push({ ...plan, addresses: await configure(host, plan, options) })
    await host.settle()
    return configured
  } catch (error) {
    for (const { dev } of plans) {
      // The first error is the one to tell.
      if (persist && dev.port?.created) await dev.port.apply({ persist: false }).catch(() => {})
    }
    await takeDown(plans)
    throw error
  }
}

/**
 * What was asked for explicitly also holds for an interface that was there before; addresses; link up. A persistent one
 * may be attached to without privileges, and is then used as it is. Answers the addresses that it has.
 */
async function configure(
  host: LinuxHost,
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
      dev.log.warn(`used as it is: ${error.message}`)
    }
  }
  if (!port.created) await attempt(port.apply(explicit))
  await attempt(port.apply({ addresses }))
  if (!options.down) await attempt(devOpen(dev))
  return host.addresses(dev.name, netns)
}

async function takeDown(plans: readonly Plan[]): Promise<void> {
  for (const { dev } of plans) if (dev.regState === NETREG_REGISTERED) await unregisterNetdev(dev)
}

function exitStatus(why: End | undefined, io: Io): number {
  if (why === undefined) {
    io.err('vnet: no interface is left\n')
    return EXIT_FAILURE
  }
  if ('signal' in why) return EXIT_OK
  io.err(`vnet: a defect ended the program: ${describeException(why.defect)}\n`)
  return EXIT_FAILURE
}
