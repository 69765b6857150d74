/** `vnet list`: the interfaces of the vnets that run in this network namespace. */
import type { Found } from '../../control/index.ts'
import { alignLeft } from '../align.ts'
import { type AskOptions, askVnets, fail } from '../ask.ts'
import { deviceWords } from '../device-words.ts'
import { EXIT_FAILURE, EXIT_OK, type Io } from '../io.ts'
import { label } from '../label.ts'

export interface ListOptions extends AskOptions {
  readonly json?: boolean
  /** The names alone, one a line, as other commands take them. */
  readonly names?: boolean
}

export function list({ json, names, user }: ListOptions, io: Io): Promise<number> {
  const show = async (_: unknown, { devices, failed, users }: Found) => {
    if (json) io.out(`${JSON.stringify({ event: 'list', interfaces: devices.map(deviceWords), users })}\n`)
    else if (names) for (const device of devices) io.out(`${label(device)}\n`)
    else for (const line of alignLeft(rows(devices.map(deviceWords)))) io.out(`${line}\n`)
    if (!json && !names) for (const user of users) fail(io, `user ${user} has vnets too: vnet list --user ${user}`)
    for (const { message } of failed) fail(io, message)
    return failed.length === 0 ? EXIT_OK : EXIT_FAILURE
  }
  return askVnets('vnet list', [], io, show, { user })
}

function rows(interfaces: readonly ReturnType<typeof deviceWords>[]): string[][] {
  return [
    ['interface', 'driver', 'state', 'mtu', 'mac', 'txqs', 'rxqs', 'pid'],
    ...interfaces.map(({ name, netns, driver, state, mtu, mac, txqs, rxqs, pid }) => [
      label({ name, netns: netns ?? undefined }),
      ...[driver, state, mtu, mac, txqs, rxqs, pid].map(word => `${word ?? '-'}`),
    ]),
  ]
}
