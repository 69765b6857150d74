/** The data read from the running vnets for one scrape: from all of them in parallel. */
import { VnetError } from 'vnet'
import {
  type ControlClient,
  type DeviceStats,
  type FindOptions,
  type FoundDevice,
  findVnets,
  type MistakeInfo,
  type PartInfo,
  type RuntimeInfo,
  type StageReport,
  supported,
} from 'vnet/control'
import { netnsOf } from 'vnet/kit/control'

/** A device with its replies. They are not of one moment. */
export interface DeviceSnapshot {
  readonly device: FoundDevice
  readonly stats: DeviceStats
  readonly parts: readonly PartInfo[]
  /** Empty if the device has no wire. */
  readonly stages: readonly StageReport[]
}

/** The data for one scrape. */
export interface Snapshot {
  readonly devices: readonly DeviceSnapshot[]
  readonly vnets: readonly {
    readonly pid: number
    /** How long it took to reply to the shortest request, in s; undefined if it did not. */
    readonly replied: number | undefined
    /** Undefined if the vnet did not reply. */
    readonly runtime: RuntimeInfo | undefined
    /** Undefined if it is not `vnet node`. */
    readonly mistakes?: MistakeInfo | undefined
  }[]
}

/** Reads the selected vnets, except vnets that end meanwhile or do not reply in time. */
export async function snapshot(
  client: ControlClient,
  options: FindOptions = {},
): Promise<Snapshot> {
  const found = await findVnets(client, options)
  const [devices, vnets] = await Promise.all([
    Promise.all(found.devices.map(device => orNothing(() => readDevice(client, device)))),
    Promise.all(found.here.map(({ vnet, pid }) => readVnet(client, vnet, pid))),
  ])
  return { devices: devices.flatMap(device => device ?? []), vnets }
}

async function readDevice(client: ControlClient, device: FoundDevice) {
  const { vnet } = device
  const [stats, parts, wire] = await Promise.all([
    client.stats(vnet, device),
    client.parts(vnet, device),
    supported(() => client.wire(vnet, device)),
  ])
  // Vnets in other namespaces may have interfaces of the same name.
  return (
    stats && {
      device: { ...device, netns: netnsOf(device) },
      stats,
      parts,
      stages: wire?.stages ?? [],
    }
  )
}

async function readVnet(
  client: ControlClient,
  vnet: string,
  pid: number,
): Promise<Snapshot['vnets'][number]> {
  const echo = async () => {
    const begin = performance.now()
    await client.echo(vnet, '')
    return (performance.now() - begin) / 1000
  }
  const [replied, runtime, mistakes] = await Promise.all([
    orNothing(echo),
    orNothing(() => client.runtime(vnet)),
    orNothing(() => client.mistakes(vnet)),
  ])
  return { pid, replied, runtime, mistakes }
}

/** Returns undefined if a vnet has ended, or does not reply. */
export async function orNothing<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof VnetError) return undefined
    throw error
  }
}
