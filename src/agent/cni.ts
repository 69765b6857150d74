/**
 * The CNI plugin (github.com/containernetworking/cni, SPEC.md, 1.1), chained after any other: it
 * attaches to the host's end of the veth that the plugins before it made. The wire is given by the
 * annotations of the pod, else by CNI_ARGS, else by the configuration. A mistake in it is a log
 * line, and the pod starts without a wire, unless "required" is true.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { type End, otherEnds } from '../attach/inside.ts'
import { attempt, UsageError } from '../base/index.ts'
import type { DeviceOwner } from '../control/operations/subject.ts'
import { readTextFile } from '../linux/regular-file.ts'
import type { Attachments } from './attachments.ts'
import type { AgentReply } from './client.ts'
import type { Pod } from './mistakes.ts'
import { checkHasWire, checkNames, type KnownNames } from './names.ts'
import { ownerText } from './owner.ts'
import { isNetnsPath, podNetnsAt } from './pod-netns.ts'
import { isSpec, lineOf, type Spec } from './spec.ts'

/** All versions of the specification, as `kVersions` in native/cni/cni.cc. */
export const VERSIONS = ['0.1.0', '0.2.0', '0.3.0', '0.3.1', '0.4.0', '1.0.0', '1.1.0'] as const
// Error codes of the specification; a plugin's own codes start at 100.
const INCOMPATIBLE = 1
const INVALID_VARIABLES = 4
const UNDECODABLE = 6
const INVALID_CONFIG = 7
const NOT_ATTACHED = 100

const ANNOTATIONS = 'io.kubernetes.cri.pod-annotations'
/** The names of a wire in annotations, in CNI_ARGS, and in the configuration. */
const PLACES: readonly KnownNames[] = [
  {
    what: 'annotation',
    prefix: /^vnet(\.dev)?[./]/i,
    known: namesOf(
      'vnet.dev/wire',
      'vnet.dev/wire-in',
      'vnet.dev/wire-out',
      'vnet.dev/only',
      'vnet.dev/seed',
    ),
  },
  {
    what: 'CNI_ARGS',
    prefix: /^vnet_/i,
    known: namesOf('VNET_WIRE', 'VNET_WIRE_IN', 'VNET_WIRE_OUT', 'VNET_ONLY', 'VNET_SEED'),
  },
  // Keys with a dot, a slash or _ are extensions and comments of others.
  {
    what: 'key',
    prefix: /^[A-Za-z0-9-]+$/,
    known: namesOf('wire', 'wireIn', 'wireOut', 'only', 'seed'),
  },
]
/** The keys of a configuration that are not the wire's. */
const OTHER_KEYS: readonly string[] = [
  'args',
  'capabilities',
  'cniVersion',
  'disableCheck',
  'disableGC',
  'dns',
  'ipam',
  'ipMasq',
  'name',
  'prevResult',
  'required',
  'runtimeConfig',
  'type',
]

function namesOf(wire: string, wireIn: string, wireOut: string, only: string, seed: string) {
  return { wire, wireIn, wireOut, only, seed } as const
}

const UNSERVED = 'vnet node did not reply when it started, so frames passed without its wire'
/** Bytes of the list of such pods at most; the plugin stops at a part of it. */
const UNSERVED_MAX = 4 << 20

class CniError extends Error {
  readonly code: number

  constructor(code: number, message: string) {
    super(message)
    this.code = code
  }
}

type Config = Readonly<Record<string, unknown>>

type Call = Readonly<{ variables: ReadonlyMap<string, string>; config: Config; network: string }>

/**
 * Handles a call: variables as NAME=VALUE, each with a NUL after it, a NUL, and the input. Refuses
 * what the plugin refuses by itself (`refusalOf` in native/cni/cni.cc), in the same order.
 */
export async function cni(attachments: Attachments, request: string): Promise<AgentReply> {
  let version: string | undefined
  try {
    const end = request.startsWith('\0') ? 0 : request.indexOf('\0\0') + 1
    const variables = new Map(pairsOf(request.slice(0, end), '\0'))
    const command = variables.get('CNI_COMMAND') ?? ''
    const config = decode(request.slice(end + 1))
    version = versionOf(config)
    // A pod must end, whatever the version is.
    if (command !== 'DEL') {
      checkVersion(version)
    }
    const network = typeof config.name === 'string' ? config.name : ''
    const run = COMMANDS.get(command)
    if (run === undefined) {
      throw new CniError(
        INVALID_VARIABLES,
        'CNI_COMMAND is not ADD, CHECK, DEL, GC, STATUS or VERSION',
      )
    }
    const result = await run(attachments, { variables, config, network })
    return { status: 0, text: result === undefined ? '' : `${JSON.stringify(result)}\n` }
  } catch (error) {
    const code = error instanceof CniError ? error.code : NOT_ATTACHED
    const msg = error instanceof CniError ? error.message : lineOf(error)
    return {
      status: 1,
      text: `${JSON.stringify({ cniVersion: version ?? VERSIONS.at(-1), code, msg })}\n`,
    }
  }
}

/** Notes mistakes for pods that the plugin has listed, because no daemon replied at their start. */
export function noteUnserved(attachments: Attachments, file: string): void {
  for (const record of takeRecords(file)) {
    const variables = new Map(pairsOf(record, '\0'))
    const network = attempt(() => JSON.parse(variables.get('name') ?? '""'))
    const netns = podNetnsAt(netnsOf({ variables }))
    if (typeof network !== 'string' || netns === undefined) continue
    const owner = attempt(() => ownerOf({ variables, network }))
    if (owner === undefined) continue
    const who = ownerText(namesOfPod({ variables }))
    attachments.mistakes.add(owner, {
      who,
      why: UNSERVED,
      pod: podOf({ variables }),
      lasts: true,
      netns,
    })
  }
}

/** Removes the list of the plugin, and returns its records. */
function takeRecords(file: string): string[] {
  if (!existsSync(file)) return []
  const taken = `${file}.taken`
  try {
    renameSync(file, taken)
    return readTextFile(taken, UNSERVED_MAX).split('\0\0').slice(0, -1)
  } catch {
    return []
  } finally {
    rmSync(taken, { force: true })
  }
}

function pairsOf(text: string, separator: string): [name: string, value: string][] {
  return text.split(separator).map(each => {
    const at = each.indexOf('=')
    return [each.slice(0, at), each.slice(at + 1)]
  })
}

function decode(text: string): Config {
  const config: unknown = attempt(() => JSON.parse(text))
  if (isRecord(config)) return config
  throw new CniError(UNDECODABLE, 'the configuration is not a JSON object')
}

/** Returns the version of a configuration: the first without one; undefined if it is not a text. */
function versionOf({ cniVersion = '' }: Config): string | undefined {
  return typeof cniVersion === 'string' ? cniVersion || VERSIONS[0] : undefined
}

function checkVersion(version: string | undefined): void {
  if (version === undefined) throw new CniError(UNDECODABLE, 'cniVersion is not a text')
  if (VERSIONS.some(each => each === version)) return
  throw new CniError(
    INCOMPATIBLE,
    `cniVersion ${version}: vnet knows ${VERSIONS[0]} to ${VERSIONS.at(-1)}`,
  )
}

/** The commands, which return the output of the plugin. */
const COMMANDS = new Map<
  string,
  (attachments: Attachments, call: Call) => Promise<object | undefined>
>([
  ['ADD', add],
  ['CHECK', check],
  ['DEL', (attachments, call) => removeAll(attachments, ownerOf(call))],
  ['GC', collect],
  ['STATUS', async () => undefined],
])

async function add(attachments: Attachments, call: Call): Promise<object> {
  const { config } = call
  const { prevResult } = config
  const owner = ownerOf(call)
  const [names, podNetns] = [namesOfPod(call), podNetnsAt(netnsOf(call))]
  if (!isRecord(prevResult)) {
    throw new CniError(INVALID_CONFIG, 'vnet-cni needs prevResult: put it after another plugin')
  }
  try {
    const spec = specOf(call)
    // A repeated call, or a call with another wire than before.
    await removeAll(attachments, owner)
    if (isSpec(spec)) {
      const name = hostSide(attachments, call)
      await attachments.inTurn(() =>
        attachments.attach({ ...spec, name, farSide: true, owner, names, podNetns }),
      )
    }
  } catch (error) {
    if (config.required !== undefined && config.required !== false) throw error
    attachments.mistakes.add(owner, {
      who: ownerText(names),
      why: `${lineOf(error)}: it starts without a wire`,
      pod: podOf(call),
      lasts: true,
      netns: podNetns,
    })
  }
  return prevResult
}

async function check(attachments: Attachments, call: Call): Promise<undefined> {
  const owner = ownerOf(call)
  const isMissing = attachments.ownedBy(each => each === owner).every(({ away }) => away)
  if (call.config.required !== true || !isSpec(specOf(call)) || !isMissing) return undefined
  throw new CniError(NOT_ATTACHED, 'the wire is no longer attached')
}

const removeAll = (attachments: Attachments, owner: string) =>
  remove(attachments, each => each === owner)

/** Detaches the attachments of some owners, if they have any. */
async function remove(
  attachments: Attachments,
  isOwner: (owner: string) => boolean,
): Promise<undefined> {
  await attachments.inTurn(async () => {
    for (const { name } of attachments.ownedBy(isOwner)) {
      await attachments.detach(name)
    }
    attachments.forget(isOwner)
  })
  return undefined
}

/** Detaches attachments of this network that the runtime no longer has. */
async function collect(attachments: Attachments, { config, network }: Call): Promise<undefined> {
  const valid = config['cni.dev/valid-attachments']
  if (!Array.isArray(valid)) {
    throw new CniError(INVALID_CONFIG, 'GC needs cni.dev/valid-attachments')
  }
  const owners = new Set(valid.map(each => ownerName(network, each?.containerID, each?.ifname)))
  return remove(attachments, each => each.startsWith(ownerName(network, '')) && !owners.has(each))
}

const netnsOf = ({ variables }: Pick<Call, 'variables'>): string => variables.get('CNI_NETNS') ?? ''

function ownerOf({ variables, network }: Omit<Call, 'config'>): string {
  const [container, ifname] = [variables.get('CNI_CONTAINERID'), variables.get('CNI_IFNAME')]
  if (container && ifname) return ownerName(network, container, ifname)
  throw new CniError(INVALID_VARIABLES, 'CNI_CONTAINERID and CNI_IFNAME are needed')
}

function ownerName(network: string, container: unknown, ifname?: unknown): string {
  return [
    'cni',
    JSON.stringify(network),
    container,
    ...(ifname === undefined ? [] : [ifname]),
  ].join(' ')
}

/** Returns the wire of a pod: whole from the first place that has one. Throws a UsageError. */
function specOf({ variables, config }: Call): Spec {
  const { runtimeConfig, required } = config
  if (required !== undefined && typeof required !== 'boolean') {
    throw new UsageError(`required: it must be true or false, not ${JSON.stringify(required)}`)
  }
  const annotations = isRecord(runtimeConfig) ? runtimeConfig[ANNOTATIONS] : undefined
  const args = Object.fromEntries(pairsOf(variables.get('CNI_ARGS') ?? '', ';'))
  const own = Object.fromEntries(
    Object.entries(config).filter(([key]) => !OTHER_KEYS.includes(key)),
  )
  const places = [isRecord(annotations) ? annotations : {}, args, own]
  return places.map((place, i) => specIn(place, PLACES[i] as KnownNames)).find(isSpec) ?? {}
}

function specIn(place: Config, names: KnownNames): Spec {
  checkNames(Object.keys(place), names)
  const given = Object.entries(names.known).filter(([, key]) => place[key] !== undefined)
  for (const [field, key] of given) {
    const value = place[key]
    if (typeof value !== 'string' && !(field === 'seed' && typeof value === 'number')) {
      throw new UsageError(`${field}: it must be a text`)
    }
  }
  const spec: Spec = Object.fromEntries(given.map(([field, key]) => [field, String(place[key])]))
  checkHasWire(Object.keys(place), names, isSpec(spec))
  return spec
}

/** Returns the name of the host's end of the interface. */
function hostSide({ native }: Attachments, call: Call): string {
  const path = netnsOf(call)
  if (!isNetnsPath(path)) {
    throw new CniError(INVALID_VARIABLES, `CNI_NETNS '${path}' is not a network namespace`)
  }
  const only = call.variables.get('CNI_IFNAME')
  const [{ name }] = otherEnds(native, {
    text: `interface ${only}`,
    path,
    netns: undefined,
    only,
  }) as [End]
  return name
}

/** Returns the names of a pod, or of a container without one. */
function namesOfPod({ variables }: Pick<Call, 'variables'>): DeviceOwner {
  const args = new Map(pairsOf(variables.get('CNI_ARGS') ?? '', ';'))
  const [pod, namespace] = [args.get('K8S_POD_NAME'), args.get('K8S_POD_NAMESPACE')]
  const id = variables.get('CNI_CONTAINERID')
  return {
    id,
    interface: variables.get('CNI_IFNAME'),
    ...(pod !== undefined && { pod, namespace }),
  }
}

/** Returns what the API of a cluster knows a pod by; undefined for a container without one. */
function podOf({ variables }: Pick<Call, 'variables'>): Pod | undefined {
  const args = new Map(pairsOf(variables.get('CNI_ARGS') ?? '', ';'))
  const [pod, namespace] = [args.get('K8S_POD_NAME'), args.get('K8S_POD_NAMESPACE')]
  return pod && namespace ? { pod, namespace, uid: args.get('K8S_POD_UID') } : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
