/** Plans a driver's devices from the options: names, addresses, queues, offloads, namespaces. */
import { EEXIST, UsageError, VnetError } from '../base/index.ts'
import type { LinuxPlatform } from '../linux/platform.ts'
import { TapPort } from '../linux/tap/port.ts'
import { NETIF_F_GRO } from '../netdev/if.ts'
import type { DeviceSpec, LinkRequest, NetDevice } from '../netdev/index.ts'
import { prefixesIntersect, toPrefix } from '../packet/address.ts'
import type { CommonOptions } from './parse/options.ts'

/** A device and the settings that its interface gets when it is brought up. */
export interface Plan {
  readonly dev: NetDevice
  readonly netns: string | undefined
  readonly addresses: readonly string[]
  /** Settings named by options; applied also to an interface that exists already. */
  readonly explicit: LinkRequest
}

/** Writes the options into the devices. Throws a UsageError if they do not fit. */
export function planDevices(specs: readonly DeviceSpec[], options: CommonOptions): Plan[] {
  if ((options.user ?? options.group) !== undefined && !options.persist) {
    throw new UsageError('--user and --group are for persistent interfaces: add --persist')
  }
  const { mac = [], txqueuelen: txQueueLen } = options
  if (mac.length > specs.length) {
    const interfaces = specs.length === 1 ? 'one interface' : `${specs.length} interfaces`
    throw new UsageError(`--mac is given ${mac.length} times, but the driver has ${interfaces}`)
  }
  // A later run cannot know which number the kernel would choose.
  if (options.persist || options.delete) {
    for (const [i, { dev }] of specs.entries()) {
      dev.rename(dev.name.replace('%d', String(i)))
    }
  }
  const addresses = addressesOf(specs, options)
  const bare = withoutOffload(specs, options)
  if (options.gro && bare.size === specs.length) {
    throw new UsageError('--gro merges on interfaces with offloads, but --no-offload leaves none')
  }
  const plans = specs.map((spec, i) => {
    const dev = spec.dev as NetDevice
    refuseQueues(dev, options)
    const address = mac[i]
    if (address !== undefined) {
      dev.devAddr.set(address)
    }
    if (txQueueLen !== undefined) {
      dev.txQueueLen = txQueueLen
    }
    if (bare.has(spec)) {
      dev.features = 0
    } else if (options.gro) {
      dev.features |= NETIF_F_GRO
    }
    const explicit = {
      ...(address && { address }),
      ...(txQueueLen !== undefined && { txQueueLen }),
    }
    return { dev, netns: spec.netns, addresses: addresses[i] ?? [], explicit }
  })
  for (const { dev, netns } of plans) {
    const namesakes = plans.filter(other => other.dev.name === dev.name)
    const same = namesakes.filter(other => other.netns === netns)
    if (same.length > 1 && !dev.name.includes('%d')) {
      throw new UsageError(`two interfaces cannot both be called ${dev.name}`)
    }
    if (namesakes.length > 1 && netns !== undefined && !dev.name.includes('%d')) {
      dev.logPrefix = `${netns}/`
    }
  }
  return plans
}

/** Refuses queue counts that the driver ignores. */
function refuseQueues(
  { name, numTxQueues, numRxQueues }: NetDevice,
  { txqs, rxqs }: CommonOptions,
): void {
  if ((txqs ?? numTxQueues) === numTxQueues && (rxqs ?? numRxQueues) === numRxQueues) return
  throw new UsageError(
    `${name} always has ${numTxQueues} tx and ${numRxQueues} rx queues: omit --txqs and --rxqs`,
  )
}

/**
 * Returns the addresses of each device. An address is for the interface that is named before it;
 * without a name the nth is for the nth interface, and further ones are for the last interface.
 */
function addressesOf(specs: readonly DeviceSpec[], options: CommonOptions): string[][] {
  const { address } = options
  if (address === false) return specs.map(() => [])
  if (address === undefined) return specs.map(spec => [...(spec.addresses ?? [])])
  const addresses: string[][] = specs.map(() => [])
  let next = 0
  for (const text of address) {
    const at = text.lastIndexOf('=')
    const named = at < 0 ? [] : specsNamed(text.slice(0, at), `--address ${text}`, specs, options)
    if (named.length > 1) {
      const both = named.map(spec => `${placeOf(spec, options)}/${spec.dev.name}`).join(' or ')
      throw new UsageError(`--address ${text}: which one is meant, ${both}?`)
    }
    const i = named[0] === undefined ? Math.min(next++, specs.length - 1) : specs.indexOf(named[0])
    addresses[i]?.push(text.slice(at + 1))
  }
  return addresses
}

/** Returns the devices that are to have no features. */
function withoutOffload(
  specs: readonly DeviceSpec[],
  options: CommonOptions,
): ReadonlySet<DeviceSpec> {
  const { offload = true } = options
  if (typeof offload === 'boolean') return new Set(offload ? [] : specs)
  return new Set(
    offload.flatMap(text => specsNamed(text, `--no-offload=${offload}`, specs, options)),
  )
}

/**
 * Returns the interfaces that `[NETNS/]IF` names, in any namespace if NETNS is absent. Throws a
 * UsageError without a match.
 */
function specsNamed(
  text: string,
  option: string,
  specs: readonly DeviceSpec[],
  options: CommonOptions,
): DeviceSpec[] {
  const found = specs.filter(
    spec => text === spec.dev.name || text === `${placeOf(spec, options)}/${spec.dev.name}`,
  )
  if (found.length > 0) return found
  const names = specs.map(spec => spec.dev.name).join(' and ')
  throw new UsageError(`${option}: no interface is called '${text}'; this run makes ${names}`)
}

const placeOf = (spec: DeviceSpec, { netns }: CommonOptions): string | undefined =>
  spec.netns ?? netns

/** Returns the namespace that a device is in, or is to be in; undefined is the program's. */
export function netnsOf(dev: NetDevice, plans: readonly Plan[]): string | undefined {
  return dev.port instanceof TapPort ? dev.port.netns : plans.find(plan => plan.dev === dev)?.netns
}

/** An interface that exists already keeps the addresses it has, unless the options name others. */
export function keepAddresses(
  platform: LinuxPlatform,
  plan: Plan,
  { address }: CommonOptions,
): Plan {
  const { dev, netns } = plan
  return address === undefined && platform.addresses(dev.name, netns).length > 0
    ? { ...plan, addresses: [] }
    : plan
}

/** Throws if two interfaces of this run share a network: each would take the other's traffic. */
export function refuseOverlaps(plans: readonly Plan[]): void {
  const all = plans.flatMap(plan =>
    plan.addresses.map(text => ({ plan, text, cidr: toPrefix(text) })),
  )
  for (const [i, { plan: one, text, cidr }] of all.entries()) {
    const isOverlap = (each: (typeof all)[number]) =>
      each.plan !== one && each.plan.netns === one.netns && prefixesIntersect(each.cidr, cidr)
    const other = all.slice(i + 1).find(isOverlap)
    if (other === undefined) continue
    const names = `${one.dev.name} and ${other.plan.dev.name}`
    throw new UsageError(`${text} and ${other.text} are on one network: give ${names} one each`)
  }
}

/** Throws if an existing interface has a route to the network of one of the addresses. */
export function refuseConflicts(platform: LinuxPlatform, { dev, netns, addresses }: Plan): void {
  for (const address of addresses) {
    const conflict = platform.conflict(address, netns, dev.name)
    if (conflict === undefined) continue
    const advice = `${conflict}; choose others with --address, or --no-address or --netns`
    throw new VnetError(EEXIST, `address ${address}`, advice)
  }
}
