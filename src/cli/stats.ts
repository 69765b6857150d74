/** `vnet stats`: the counters of running vnets, ours and the kernel's side by side. */
import { ControlClient, type Device, type DeviceStats, type Found, findVnets } from '../control/index.ts'
import { loadNative } from '../kernel/native.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from './io.ts'
import { jsonOutput } from './output.ts'
import { label, statsTable } from './stats-table.ts'

export interface StatsOptions {
  readonly all?: boolean
  readonly queues?: boolean
  readonly json?: boolean
}

/** Prints the statistics of the interfaces named, or of all. */
export async function stats(names: readonly string[], options: StatsOptions, io: Io): Promise<number> {
  using client = new ControlClient(loadNative())
  const found = await findVnets(client)
  const unknown = names.filter(name => !found.devices.some(device => isNamed(device, name)))
  const complaint = complaintAbout(unknown, found)
  if (complaint !== undefined) {
    io.err(`vnet: ${complaint}\n`)
    return EXIT_FAILURE
  }
  const interfaces: DeviceStats[] = []
  for (const device of found.devices) {
    if (names.length > 0 && !names.some(name => isNamed(device, name))) continue
    const stats = await client.stats(device.port, device)
    if (stats !== undefined) interfaces.push(stats)
  }
  if (options.json) jsonOutput(io, false).statistics(interfaces)
  else io.out(statsTable(interfaces, options))
  // What was named is there all the same.
  if (names.length > 0 || found.failed.length === 0) return EXIT_OK
  for (const { message } of found.failed) io.err(`vnet: ${message}\n`)
  return EXIT_FAILURE
}

function isNamed(device: Device, name: string): boolean {
  return device.name === name || label(device) === name
}

/** Why there is nothing to show, on one line; undefined when there is. */
export function complaintAbout(unknown: readonly string[], { devices, failed, elsewhere }: Found): string | undefined {
  const others = elsewhere.filter(
    ({ interfaces }) => unknown.length === 0 || interfaces.some(each => unknown.includes(each)),
  )
  const advice = others.map(({ pid, interfaces }) => `; for ${interfaces.join(', ')}: nsenter -n -t ${pid} vnet stats`)
  if (devices.length === 0) {
    if (failed.length > 0) return failed[0]?.message
    return `no vnet is running in this network namespace${advice.join('')}`
  }
  if (unknown.length === 0) return undefined
  // It may be an interface of a vnet that does not answer.
  const silent = failed.map(({ message }) => `; ${message}`)
  const there = devices.map(label).join(', ')
  return `there is no interface ${unknown.join(', ')}, but ${there}${[...silent, ...advice].join('')}`
}
