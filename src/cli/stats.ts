/** `vnet stats`: the counters of running vnets, ours and the kernel's side by side; once, or again and again. */
import type { ControlClient, DeviceStats, Found } from '../control/index.ts'
import { type AskOptions, askVnets, fail } from './ask.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from './io.ts'
import { isNamed } from './label.ts'
import { jsonOutput } from './output.ts'
import { statsTable } from './stats-table.ts'
import { endOf } from './until-end.ts'

export interface StatsOptions extends AskOptions {
  readonly all?: boolean
  readonly queues?: boolean
  readonly json?: boolean
  /** Milliseconds from one time to the next. */
  readonly watch?: number
}

/** Prints the statistics of the interfaces named, or of all. */
export async function stats(names: readonly string[], options: StatsOptions, io: Io): Promise<number> {
  if (options.watch !== undefined) return watch(names, options, options.watch, io)
  return once(names, options, io, '')
}

/** Until the user ends it, or there is nothing to show any more. */
async function watch(names: readonly string[], options: StatsOptions, ms: number, io: Io): Promise<number> {
  using end = endOf(io)
  for (let between = ''; ; between = '\n') {
    const status = await once(names, options, io, between)
    if (status !== EXIT_OK) return status
    if (await end.within(ms)) return EXIT_OK
  }
}

function once(names: readonly string[], options: StatsOptions, io: Io, before: string): Promise<number> {
  const show = async (client: ControlClient, found: Found) => {
    const interfaces = await collect(names, client, found)
    if (options.json) jsonOutput(io, false).statistics(interfaces)
    else io.out(before + statsTable(interfaces, options))
    // What was named is there all the same.
    if (names.length > 0 || found.failed.length === 0) return EXIT_OK
    for (const { message } of found.failed) fail(io, message)
    return EXIT_FAILURE
  }
  return askVnets('vnet stats', names, io, show, options)
}

async function collect(names: readonly string[], client: ControlClient, { devices }: Found): Promise<DeviceStats[]> {
  const interfaces: DeviceStats[] = []
  for (const device of devices) {
    if (names.length > 0 && !names.some(name => isNamed(device, name))) continue
    const stats = await client.stats(device.vnet, device)
    if (stats !== undefined) interfaces.push(stats)
  }
  return interfaces
}
