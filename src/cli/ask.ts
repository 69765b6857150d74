/** Finds the vnet of an interface for the commands that query one, or reports that none has it. */
import {
  ECONNREFUSED,
  ENODEV,
  explain,
  isErrno,
  listed,
  UsageError,
  VnetError,
} from '../base/index.ts'
import { ControlClient } from '../control/client/client.ts'
import { type Found, type FoundDevice, findVnets, isOfLab } from '../control/client/find.ts'
import { loadNative, ownCommand, sharesUserNamespace } from '../linux/index.ts'

import { interfaceArg } from '../netdev/if.ts'
import {
  isAmong,
  isNamed,
  isOwnerName,
  label,
  type NamedDevice,
  ownerLabel,
} from './device-text.ts'
import { complain, EXIT_FAILURE, EXIT_OK, type Io } from './process/io.ts'

/** The values of `--json` and `--user`, which the commands have that ask vnets. */
export interface QueryOptions {
  readonly json: boolean | undefined
  /** Query this user's vnets instead of root's and the caller's. */
  readonly user: number | undefined
}

/**
 * The vnets that a command looks at: root's and the caller's own in this network namespace, unless
 * an option says otherwise. The command line fills it.
 */
export interface AskOptions extends Partial<Pick<QueryOptions, 'user'>> {
  /** Look at interfaces in all network namespaces, not only in this one. */
  readonly everywhere?: boolean | undefined
}

/**
 * Finds the vnets that have one of the interfaces `names`, or all vnets if `names` is empty. Calls
 * `ask` with a client, which is closed when `ask` settles, and the result, or reports which names
 * are missing. Returns the exit status.
 */
export async function askVnets(
  names: readonly string[],
  io: Io,
  ask: (client: ControlClient, found: Found) => Promise<number>,
  { user, everywhere }: AskOptions = {},
): Promise<number> {
  checkUser(user)
  using client = new ControlClient(loadNative(), { user })
  const { found, complaints } = await findNamed(client, names, io, { user, everywhere })
  if (complaints.length > 0) return failAll(io, complaints)
  const named = names.length === 0 ? [] : found.devices.filter(device => isAmong(device, names))
  if (user === undefined) {
    for (const { pid } of named.filter(isOfLab)) {
      enterUserNamespace(pid)
    }
  }
  return await ask(client, found)
}

/**
 * Finds the vnets that have one of the interfaces `names`, or all vnets if `names` is empty.
 * `complaints` are the lines about missing interfaces, empty if none is missing; the caller reports
 * them.
 */
export async function findNamed(
  client: ControlClient,
  names: readonly string[],
  io: Io,
  { user, everywhere }: AskOptions,
): Promise<{ readonly found: Found; readonly complaints: readonly string[] }> {
  // A vnet without interfaces is queried only if all are.
  const isAll = names.length === 0 || names.some(isOwnerName)
  const isWanted = isAll ? undefined : (device: NamedDevice) => isAmong(device, names)
  const found = await findVnets(client, { isWanted, user, everywhere, ...io.find })
  const unknown = names.filter(name => !found.devices.some(device => isNamed(device, name)))
  return { found, complaints: complaintsAbout(unknown, found, io.commandLine ?? 'vnet list', user) }
}

/** Throws a UsageError if `--user` is for root. */
export function checkUser(user: number | undefined): void {
  const uid = process.geteuid?.()
  if (user === undefined || uid === 0 || user === uid) return
  throw new UsageError(`--user ${user}: only root may query the vnets of another user`)
}

/**
 * Calls `ask` with the interface `name`, or reports that it is missing or ambiguous. Returns the
 * exit status. Throws a UsageError if `name` is not [NETNS/]IF.
 */
export async function askInterface(
  name: string,
  io: Io,
  ask: (client: ControlClient, device: FoundDevice) => Promise<void>,
  options: AskOptions = {},
): Promise<number> {
  interfaceArg(name)
  const askOne = async (client: ControlClient, { devices }: Found) => {
    const named = devices.filter(device => isNamed(device, name))
    // In the vnet's own namespace the label of an interface is the name alone.
    const exact = named.length === 1 ? named : named.filter(device => label(device) === name)
    if (exact.length !== 1) {
      const shown = named.map(device => (isOwnerName(name) && ownerLabel(device)) || label(device))
      return fail(io, `${named.length} interfaces are called ${name}: ${listed(shown)}`)
    }
    await ask(client, exact[0] as FoundDevice)
    return EXIT_OK
  }
  return askVnets([name], io, askOne, options)
}

/** True if the vnet has ended, or its interface was deleted, since they were found. */
export const hasEnded = (error: unknown): boolean => isErrno(error, ECONNREFUSED, ENODEV)

/**
 * Reports a problem in one line on standard error. Returns EXIT_FAILURE, for the caller to return.
 */
export function fail(io: Io, problem: string | Error): number {
  complain(io, problem instanceof Error ? explain(problem) : problem)
  return EXIT_FAILURE
}

/** Reports all problems, one a line. Returns EXIT_OK without problems. */
export function failAll(io: Io, problems: readonly (string | Error)[]): number {
  for (const problem of problems) {
    fail(io, problem)
  }
  return problems.length === 0 ? EXIT_OK : EXIT_FAILURE
}

/** Reports that the vnets which were found have ended since, or `problems`, if some explain it. */
export function failEnded(io: Io, problems: readonly Error[] = []): number {
  return failAll(io, problems.length > 0 ? problems : ['no vnet is running any more'])
}

/**
 * Returns the reasons why no device can be queried, one a line; none if some can. A line may
 * propose `commandLine` in another network namespace; `user` is the value of `--user`.
 */
export function complaintsAbout(
  unknown: readonly string[],
  { devices, here, failed, elsewhere, users, untrusted }: Found,
  commandLine: string,
  user?: number,
): readonly string[] {
  const far = elsewhere.filter(({ interfaces }) => interfaces.some(each => isAmong(each, unknown)))
  const advice = [
    ...far.map(
      entry => `; for ${listed(entry.interfaces.map(label))}: ${enter(entry, user)} ${commandLine}`,
    ),
    ...users.map(other => `; user ${other} has some: vnet list --user ${other}`),
    ...untrusted.map(({ path, reason }) => `; the vnets in ${path} are not shown: ${reason}`),
  ].join('')
  const none = `no vnet is running in this network namespace${advice}`
  if (unknown.length === 0 && devices.length > 0) return []
  // A vnet that failed to reply may have the interface.
  const silent = failed.map(explain)
  if (devices.length === 0 && silent.length > 0) return silent
  if (unknown.length === 0) return [none]
  // From the replies of the vnets that were queried, and from the files of the others.
  const others = here.filter(({ vnet }) => !devices.some(device => device.vnet === vnet))
  // Interfaces in the file of a vnet that replied without them have just been deleted.
  const written = others
    .flatMap(({ interfaces }) => interfaces)
    .filter(each => !isAmong(each, unknown))
  const there = [...devices, ...written].map(label)
  if (there.length === 0) return [none]
  const list = [`there ${there.length === 1 ? 'is' : 'are'} ${listed(there)}`, ...silent].join('; ')
  return [`no interface is called ${unknown.join(' or ')}; ${list}${advice}`]
}

/**
 * Returns the shell command that enters the network namespace of a vnet. An ordinary user's vnet is
 * in a user namespace: its owner enters that too, while root (`--user`) does not.
 */
function enter({ pid, uid }: { pid: number; uid: number }, user?: number): string {
  return user !== undefined || uid === 0
    ? `nsenter -n -t ${pid}`
    : `nsenter --preserve-credentials -U -n -t ${pid}`
}

/**
 * Executes the program again, as the same process, in the user namespace of the process `pid` if
 * that is another one, and in more of its namespaces (options of nsenter(1)). Only there may the
 * owner of a rootless lab change its links and enter its hosts. The kernel lets the owner and root
 * in. Returns if nothing is to be entered, and otherwise never: throws a VnetError if the program
 * cannot be executed.
 */
export function enterUserNamespace(pid: number | undefined, ...more: readonly string[]): void {
  if (pid === undefined || sharesUserNamespace(pid)) return
  // Root takes the ids of the lab's user; others keep theirs.
  const ids = process.geteuid?.() === 0 ? [] : ['--preserve-credentials']
  const words = ['/usr/bin/env', 'nsenter', ...ids, '-U', ...more, '-t', String(pid)]
  throw new VnetError(loadNative().exec([...words, ...ownCommand()]), ['exec', 'nsenter'])
}
