/** The options of `vnet attach` for the place: a container or a process, not an interface. */
import { statSync } from 'node:fs'
import type { AgentRequest } from '../../agent/client.ts'
import { EINVAL, ENOENT, UsageError, VnetError } from '../../base/index.ts'
import type { DeviceOwner } from '../../control/operations/subject.ts'
import { checkLinux } from '../../linux/native.ts'
import { interfaceArg } from '../../netdev/if.ts'
import type { QueryOptions } from '../ask.ts'
import { isOwnerName } from '../device-text.ts'
import type { Option, Values } from '../parse/option.ts'
import type { CommonOptions, PLACE_OPTIONS } from '../parse/options.ts'
import { complain, EXIT_OK, type Io } from '../process/io.ts'

export type AttachCliOptions = Values<typeof PLACE_OPTIONS> & Pick<CommonOptions, 'netns'>

/** Returns the interfaces that options name, with their containers; undefined if they name none. */
export async function optionalTargets(
  args: readonly string[],
  options: AttachCliOptions,
): Promise<
  readonly { readonly name: string; readonly owner: DeviceOwner | undefined }[] | undefined
> {
  if (!isInside(args, options)) return undefined
  const [{ findInside, namesIn, otherEnds }, { loadNative }] = await Promise.all([
    import('../../attach/inside.ts'),
    import('../../linux/native.ts'),
  ])
  const found = await findInside(options)
  return otherEnds(loadNative(), found).map(({ name, inside }) => ({
    name,
    owner: namesIn(found, inside),
  }))
}

/** True if the options name a container or a process. Throws a UsageError if they contradict. */
function isInside(
  args: readonly string[],
  { container, pid, interface: only }: AttachCliOptions,
): boolean {
  if (container === undefined && pid === undefined) {
    if (only === undefined) return false
    throw new UsageError('--interface is for --container and --pid')
  }
  if (args.length > 0) {
    throw new UsageError('attach: name interfaces, or --container or --pid, not both')
  }
  return true
}

/** The names of the options that the daemon takes. */
const WIRE = [
  'wire',
  'wireIn',
  'wireOut',
  'only',
  'seed',
  'scenario',
  'failOpen',
  'farSide',
] as const
const PLACE = ['container', 'pid', 'interface', 'netns', 'node'] as const

/** Asks the daemon to attach. `known` are the options of the command. Returns the exit status. */
export async function attachByAgent(
  known: readonly Option[],
  args: readonly string[],
  options: Record<string, unknown> & AttachCliOptions,
  io: Io,
): Promise<number> {
  const given = Object.keys(options)
  const stray = given.find(name => ![...WIRE, ...PLACE].some(each => each === name))
  if (stray !== undefined) {
    const flag = known.find(({ key }) => key === stray)?.long
    throw new UsageError(
      `--node: the daemon does not take ${flag}: use the other commands, such as vnet capture`,
    )
  }
  const wire = Object.fromEntries(
    WIRE.filter(name => given.includes(name)).map(name => [name, options[name]]),
  )
  if (wire.seed !== undefined) {
    wire.seed = String(wire.seed)
  }
  const { container, pid, interface: only, netns } = options
  const isInContainer = isInside(args, options)
  if (isInContainer && netns !== undefined) {
    throw new UsageError('--node: the daemon looks in its own namespace')
  }
  if (!isInContainer && args.length === 0) {
    throw new UsageError('attach takes the interfaces to attach to')
  }
  const places = isInContainer
    ? [{ container, pid, interface: only }]
    : args
        .map(interfaceArg)
        .map(each => ({ name: each.name, inode: namespaceInode(each.netns ?? netns) }))
  for (const place of places) {
    const status = await sendRequest({ do: 'attach', ...wire, ...place }, io)
    if (status !== EXIT_OK) return status
  }
  return EXIT_OK
}

export async function detach(
  text: string,
  { json }: Pick<QueryOptions, 'json'>,
  io: Io,
): Promise<number> {
  if (isOwnerName(text)) {
    let status = EXIT_OK
    const { askInterface } = await import('../ask.ts')
    const found = await askInterface(text, io, async (_, device) => {
      status = await detachAt(device, json, io)
    })
    return found === EXIT_OK ? status : found
  }
  return detachAt(interfaceArg(text), json, io)
}

function detachAt(
  { name: own, netns }: { name: string; netns?: string | undefined },
  json: boolean | undefined,
  io: Io,
): Promise<number> {
  const done = json && { event: 'detach', name: own, netns: netns ?? null }
  return sendRequest({ do: 'detach', name: own, inode: namespaceInode(netns) }, io, done)
}

/** Sends a request to the daemon, and prints its reply, or `done` as JSON instead. */
async function sendRequest(request: AgentRequest, io: Io, done?: object | false): Promise<number> {
  const { askAgent } = await import('../../agent/client.ts')
  const { status, text } = await askAgent(request)
  if (status === EXIT_OK) {
    io.out(`${done ? JSON.stringify(done) : text}\n`)
  } else {
    complain(io, text)
  }
  return status
}

/** The inode of a namespace, which the daemon may know by another name. */
function namespaceInode(netns = '/proc/self/ns/net'): number {
  checkLinux(['stat', ''])
  const path = netns.includes('/') ? netns : `/run/netns/${netns}`
  const found = statSync(path, { throwIfNoEntry: false })
  if (found === undefined) throw new VnetError(ENOENT, path, 'there is no such network namespace')
  if (found.dev !== statSync('/proc/self/ns/net').dev) {
    throw new VnetError(EINVAL, path, 'it is not a network namespace')
  }
  return found.ino
}
