/** What the commands that ask running vnets share: finding who has an interface, and saying on one line that nobody has. */
import { ControlClient, type Found, type FoundDevice, findVnets } from '../control/index.ts'
import { interfaceArg } from '../core/driver.ts'
import { printable } from '../core/printable.ts'
import { loadNative } from '../kernel/native.ts'
import { EXIT_FAILURE, type Io } from './io.ts'
import { isNamed, label, type Named } from './label.ts'

export interface AskOptions {
  /** Whose vnets are asked, in place of root's and one's own. */
  readonly user?: number | undefined
}

/**
 * Calls `ask` with a client and what it finds, all of `names` among that; or says what is missing. Only vnets that have one of the
 * names are asked, all if there are none. Returns the exit status.
 */
export async function askVnets(
  command: string,
  names: readonly string[],
  io: Io,
  ask: (client: ControlClient, found: Found) => Promise<number>,
  { user }: AskOptions = {},
): Promise<number> {
  using client = new ControlClient(loadNative(), { user })
  const isWanted = (device: Named) => names.some(name => isNamed(device, name))
  const found = await findVnets(client, { isWanted: names.length > 0 ? isWanted : undefined, user })
  const unknown = names.filter(name => !found.devices.some(device => isNamed(device, name)))
  const complaint = complaintAbout(unknown, found, command)
  if (complaint === undefined) return await ask(client, found)
  return fail(io, complaint)
}

/** The same for the one interface that `name` means. Throws a UsageError when that is no [NETNS/]IF. */
export async function askInterface(
  command: string,
  name: string,
  io: Io,
  ask: (client: ControlClient, device: FoundDevice) => Promise<number>,
  options: AskOptions = {},
): Promise<number> {
  interfaceArg(name)
  const askOne = async (client: ControlClient, { devices }: Found) => {
    const [device, ...others] = devices.filter(device => isNamed(device, name)) as [FoundDevice, ...FoundDevice[]]
    if (others.length === 0) return ask(client, device)
    // One in the program's own namespace has no longer name.
    const exact = [device, ...others].filter(device => label(device) === name)
    if (exact.length === 1) return ask(client, exact[0] as FoundDevice)
    return fail(io, `there are ${others.length + 1} interfaces ${name}: ${[device, ...others].map(label).join(', ')}`)
  }
  return askVnets(command, [name], io, askOne, options)
}

export function fail(io: Io, message: string): number {
  io.err(`vnet: ${printable(message)}\n`)
  return EXIT_FAILURE
}

/** Why there is nothing to ask, on one line; undefined when there is. `command` is what to do elsewhere: `vnet stats`. */
export function complaintAbout(
  unknown: readonly string[],
  { devices, here, failed, elsewhere, users }: Found,
  command: string,
): string | undefined {
  const far = elsewhere.filter(
    ({ interfaces }) => unknown.length === 0 || interfaces.some(each => unknown.some(name => isNamed(each, name))),
  )
  const advice = [
    ...far.map(({ pid, interfaces }) => `; for ${interfaces.map(label).join(', ')}: nsenter -n -t ${pid} ${command}`),
    ...users.map(user => `; user ${user} has some: vnet list --user ${user}`),
  ]
  if (unknown.length === 0) {
    if (devices.length > 0) return undefined
    return failed.length > 0 ? failed[0]?.message : `no vnet is running in this network namespace${advice.join('')}`
  }
  // It may be an interface of a vnet that does not answer.
  const silent = failed.map(({ message }) => `; ${message}`)
  // What those that were asked have now, and what the files of the others say.
  const others = here.filter(({ vnet }) => !devices.some(device => device.vnet === vnet))
  const there = [...devices, ...others.flatMap(({ interfaces }) => interfaces)].map(label)
  if (there.length === 0) return `no vnet is running in this network namespace${advice.join('')}`
  if (devices.length === 0 && failed.length > 0) return failed[0]?.message
  return `there is no interface ${unknown.join(', ')}, but ${there.join(', ')}${[...silent, ...advice].join('')}`
}
