/** What the options make of the devices a driver gives: names, addresses, queues, offloads, where each is to be. */
import type { DeviceSpec } from '../core/driver.ts'
import { UsageError } from '../core/driver.ts'
import { NETIF_F_GRO } from '../core/if.ts'
import type { NetDevice } from '../core/net-device.ts'
import type { LinkRequest } from '../core/port.ts'
import type { CommonOptions } from './options.ts'

/** One interface to be made. */
export interface Plan {
  readonly dev: NetDevice
  readonly netns: string | undefined
  readonly addresses: readonly string[]
  /** What the options named themselves, for an interface that is there already. */
  readonly explicit: LinkRequest
}

/** Writes the options into the devices. Throws a UsageError when they do not fit. */
export function planDevices(specs: readonly DeviceSpec[], options: CommonOptions): Plan[] {
  if ((options.user ?? options.group) !== undefined && !options.persist) {
    throw new UsageError('--user and --group say who may attach to a persistent interface: add --persist')
  }
  const { mac = [], mtu, txqueuelen: txQueueLen } = options
  if (mac.length > specs.length) {
    throw new UsageError(`${mac.length} times --mac, where the driver has ${interfaces(specs.length)}`)
  }
  // Which number the kernel chose is not known to a later run.
  if (options.persist || options.delete) {
    for (const [i, { dev }] of specs.entries()) dev.rename(dev.name.replace('%d', String(i)))
  }
  const addresses = addressesOf(specs, options)
  const bare = withoutOffload(specs, options)
  const plans = specs.map((spec, i) => {
    const dev = spec.dev as NetDevice
    refuseQueues(dev, options)
    const address = mac[i]
    if (mtu !== undefined) dev.mtu = mtu
    if (address !== undefined) dev.devAddr.set(address)
    if (txQueueLen !== undefined) dev.txQueueLen = txQueueLen
    if (bare.has(spec.dev)) dev.features = 0
    else if (options.gro) dev.features |= NETIF_F_GRO
    const asked = Object.entries({ mtu, address, txQueueLen }).filter(([, value]) => value !== undefined)
    const explicit: LinkRequest = Object.fromEntries(asked)
    return { dev, netns: spec.netns ?? options.netns, addresses: addresses[i] ?? [], explicit }
  })
  for (const { dev, netns } of plans) {
    const namesakes = plans.filter(other => other.dev.name === dev.name)
    const same = namesakes.filter(other => other.netns === netns)
    if (same.length > 1 && !dev.name.includes('%d')) throw new UsageError(`two interfaces cannot both be ${dev.name}`)
    if (namesakes.length > 1 && netns !== undefined && !dev.name.includes('%d')) dev.logPrefix = `${netns}/`
  }
  return plans
}

/** A driver need not heed what was asked for, but then that is said. */
function refuseQueues({ name, numTxQueues, numRxQueues }: NetDevice, { txqs, rxqs }: CommonOptions): void {
  if ((txqs ?? numTxQueues) === numTxQueues && (rxqs ?? numRxQueues) === numRxQueues) return
  throw new UsageError(
    `${name} always has ${numTxQueues} tx and ${numRxQueues} rx queues: leave --txqs and --rxqs away`,
  )
}

/** `[IF=]CIDR`: to the interface named, else the n-th to the n-th, and any further ones to the last. */
function addressesOf(specs: readonly DeviceSpec[], { address }: CommonOptions): string[][] {
  if (address === false) return specs.map(() => [])
  if (address === undefined) return specs.map(spec => [...(spec.addresses ?? [])])
  const addresses: string[][] = specs.map(() => [])
  let next = 0
  for (const text of address) {
    const [cidr, name] = text.split('=').reverse() as [string, string?]
    const i = name === undefined ? Math.min(next++, specs.length - 1) : specs.findIndex(spec => spec.dev.name === name)
    if (i < 0) throw new UsageError(`--address ${text}: there is no interface ${name}, but ${names(specs)}`)
    addresses[i]?.push(cidr)
  }
  return addresses
}

/** The devices that are to have no features; `--no-offload=IF` means every interface of that name, NETNS/IF the one there. */
function withoutOffload(specs: readonly DeviceSpec[], { offload, netns }: CommonOptions): ReadonlySet<unknown> {
  const all = specs.map(({ dev }) => dev)
  if (typeof offload === 'boolean') return new Set(offload ? [] : all)
  const named = offload.map(text => {
    const found = specs.filter(spec => text === spec.dev.name || text === `${spec.netns ?? netns}/${spec.dev.name}`)
    if (found.length > 0) return found.map(({ dev }) => dev)
    throw new UsageError(`--no-offload=${offload}: there is no interface ${text}, but ${names(specs)}`)
  })
  return new Set(named.flat())
}

function names(specs: readonly DeviceSpec[]): string {
  return specs.map(spec => spec.dev.name).join(' and ')
}

function interfaces(n: number): string {
  return n === 1 ? 'one interface' : `${n} interfaces`
}
