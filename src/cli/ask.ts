/**
 * Shared by the commands that query running vnets: finds the vnet that has an interface, or reports
 * on one line that there is none.
 */
import { ControlClient, type Found, type FoundDevice, findVnets } from '../control/index.ts'
import { interfaceArg } from '../core/driver.ts'
import { printable } from '../core/printable.ts'
import { loadNative } from '../kernel/native.ts'
import { EXIT_FAILURE, type Io } from './io.ts'
import { isNamed, label, type Named } from './label.ts'

export interface AskOptions {
  /** Query the vnets of this user, instead of those of root and of the caller. */
  readonly user?: number | undefined
}

/**
 * Finds the vnets that have one of the interfaces `names`, or all vnets if `names` is empty. Calls
 * `ask` with a client and the result, or reports which names are missing. Returns the exit status.
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
  const complaint = complaintAbout(unknown, found, command, user)
  if (complaint === undefined) return await ask(client, found)
  return fail(io, complaint)
}

/** Like askVnets, for one interface. Throws a UsageError if `name` is not [NETNS/]IF. */
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
    // In the vnet's own namespace the label of an interface is the name alone.
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

/**
 * The shell command that runs `command` in the network namespace of a vnet. An ordinary user's vnet
 * is in a user namespace: its owner enters that too, while root (`--user`) stays outside.
 */
function commandThere({ pid, uid }: { pid: number; uid: number }, command: string, user?: number): string {
  if (user !== undefined) return `nsenter -n -t ${pid} ${command} --user ${user}`
  return uid === 0 ? `nsenter -n -t ${pid} ${command}` : `nsenter --preserve-credentials -U -n -t ${pid} ${command}`
}

/**
 * Returns one line that says why there is nothing to ask; undefined if there is something.
 * `command` is what the line proposes to run elsewhere, such as `vnet stats`; `user` is the value
 * of `--user`.
 */
export function complaintAbout(
  unknown: readonly string[],
  { devices, here, failed, elsewhere, users }: Found,
  command: string,
  user?: number,
): string | undefined {
  const far = elsewhere.filter(
    ({ interfaces }) => unknown.length === 0 || interfaces.some(each => unknown.some(name => isNamed(each, name))),
  )
  const advice = [
    ...far.map(entry => `; for ${entry.interfaces.map(label).join(', ')}: ${commandThere(entry, command, user)}`),
    ...users.map(user => `; user ${user} has some: vnet list --user ${user}`),
  ]
  if (unknown.length === 0) {
    if (devices.length > 0) return undefined
    return failed.length > 0 ? failed[0]?.message : `no vnet is running in this network namespace${advice.join('')}`
  }
  // A vnet that does not answer may have the interface.
  const silent = failed.map(({ message }) => `; ${message}`)
  // From the replies of the vnets that were queried, and from the files of the others.
  const others = here.filter(({ vnet }) => !devices.some(device => device.vnet === vnet))
  const there = [...devices, ...others.flatMap(({ interfaces }) => interfaces)].map(label)
  if (there.length === 0) return `no vnet is running in this network namespace${advice.join('')}`
  if (devices.length === 0 && failed.length > 0) return failed[0]?.message
  return `there is no interface ${unknown.join(', ')}, but ${there.join(', ')}${[...silent, ...advice].join('')}`
}
