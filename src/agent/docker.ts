/** Attaches to containers of Docker by their labels: running ones, and each that starts. */
import { setTimeout } from 'node:timers/promises'
import {
  allContainers,
  type Container,
  followContainers,
  imageLabels,
  inspectContainer,
  listeningSocket,
} from '../attach/engine.ts'
import { endsOf, netnsOf } from '../attach/inside.ts'
import type { Attachments } from './attachments.ts'
import { checkHasWire, checkNames, isOurs } from './names.ts'
import { ownerText } from './owner.ts'
import { isSpec, lineOf, type Spec } from './spec.ts'

/** Milliseconds from the end of a connection to the next attempt. */
const AGAIN_MS = 1000

const LABELS = {
  what: 'label',
  prefix: /^vnet\./i,
  known: {
    wire: 'vnet.wire',
    wireIn: 'vnet.wire-in',
    wireOut: 'vnet.wire-out',
    only: 'vnet.only',
    seed: 'vnet.seed',
    scenario: 'vnet.scenario',
  },
} as const

/** The start of the owners of attachments by labels: `docker ID IF`. */
const DOCKER = 'docker '
const isOfDocker = (owner: string): boolean => owner.startsWith(DOCKER)
/** Returns the container's id; undefined for another owner. */
const containerOf = (owner: string): string | undefined => (isOfDocker(owner) ? owner.split(' ')[1] : undefined)

interface DockerOptions {
  /** The engine is at the first of them that listens, and then always there. */
  readonly sockets: readonly string[]
  /** True if the labels of an image count too: then the author of the image chooses the wire. */
  readonly imageLabels: boolean
  readonly signal: AbortSignal
}

type EngineOptions = Omit<DockerOptions, 'sockets'> & { readonly socket: string }

/** Follows the engine, including its restarts, until `signal`. Never rejects. */
export async function followDocker(attachments: Attachments, options: DockerOptions): Promise<void> {
  const { signal } = options
  let { sockets } = options
  let isLogged = false
  const onConnected = () => {
    isLogged = false
    attachments.log.debug('docker: connected')
  }
  while (!signal.aborted) {
    const why = await listeningSocket(sockets)
      .then(socket => {
        sockets = [socket]
        return followEngine(attachments, { ...options, socket }, onConnected)
      })
      .then(
        () => 'it ended',
        (error: Error) => error.message,
      )
    if (signal.aborted) return
    if (!isLogged) attachments.warn(`docker: ${why}; trying again every second`)
    isLogged = true
    await setTimeout(AGAIN_MS, undefined, { signal }).catch(() => {})
  }
}

/** Follows the engine at a socket until it ends. */
function followEngine(attachments: Attachments, options: EngineOptions, onConnected: () => void): Promise<void> {
  const { socket, signal } = options
  const adopt = (id: string) => adoptContainer(attachments, id, options).catch(error => attachments.warn(lineOf(error)))
  const connected = () => {
    onConnected()
    // After the events, so that no container is missed in between.
    allContainers(socket)
      .then(all => {
        attachments.forget(owner => isOfDocker(owner) && !all.some(({ id }) => id === containerOf(owner)))
        return Promise.all(all.map(({ id, isRunning }) => isRunning && adopt(id)))
      })
      .catch(error => attachments.warn(lineOf(error)))
  }
  const changed = (id: string) => void adopt(id)
  const removed = (id: string) => attachments.forget(owner => containerOf(owner) === id)
  return followContainers(socket, { changed, removed, connected, signal })
}

/** Attaches to the interfaces of a container, unless that was done, and notes its mistakes. */
async function adoptContainer(attachments: Attachments, id: string, options: EngineOptions): Promise<void> {
  const container = await inspectContainer(options.socket, id)
  const wrong = new Map<string, string>()
  if (container !== undefined && container.pid !== 0) {
    try {
      const spec = await specOf(container, options, attachments)
      if (isSpec(spec)) await attachments.inTurn(() => attachAll(attachments, container, spec, wrong))
    } catch (error) {
      wrong.set(`${DOCKER}${id}`, lineOf(error))
    }
  }
  attachments.forgetMistakes(owner => containerOf(owner) === id && !wrong.has(owner))
  const who = ownerText({ container: container?.name, id })
  for (const [owner, why] of wrong) attachments.mistake(owner, { who, why })
}

/** Attaches to the veths of a container. Adds to `wrong` why an interface has not its wire. */
async function attachAll(
  attachments: Attachments,
  { id, pid, name: container }: Container,
  spec: Spec,
  wrong: Map<string, string>,
): Promise<void> {
  const wanted = { text: 'labels', path: netnsOf(pid), netns: undefined, only: undefined }
  const { ends, others } = endsOf(attachments.native, wanted)
  for (const { name, ifindex, inside } of ends) {
    const owner = `${DOCKER}${id} ${inside}`
    const present = attachments.at(ifindex)
    const other = containerOf(present?.owner ?? '')
    const names = { container, id, interface: inside }
    if (attachments.isDetached(owner)) wrong.set(owner, `${inside} has no wire, because a user detached it`)
    else if (other !== undefined && other !== id)
      wrong.set(
        owner,
        `it shares ${inside} with ${ownerText(present?.names ?? { id: other })}, whose labels give the wire`,
      )
    if (wrong.has(owner) || present !== undefined) continue
    try {
      await attachments.attach({ ...spec, name, farSide: true, owner, names, fromStart: true })
    } catch (error) {
      wrong.set(owner, lineOf(error))
    }
  }
  for (const { name, kind = 'no veth' } of others)
    wrong.set(`${DOCKER}${id} ${name}`, `${name} is ${kind}: vnet attach --node ${wanted.path}/${name} attaches inside`)
}

/** Returns the wire of the labels, without labels that the image gave. Throws a UsageError. */
async function specOf(container: Container, options: EngineOptions, { log }: Attachments): Promise<Spec> {
  const { labels, name, image } = container
  const ours = Object.keys(labels).filter(label => isOurs(label, LABELS))
  if (ours.length === 0) return {}
  const own = options.imageLabels ? {} : await imageLabels(options.socket, image)
  const given = ours.filter(label => labels[label] !== own[label])
  if (given.length === 0) log.debug(`container ${name}: only its image has labels`)
  checkNames(given, LABELS)
  const known = Object.entries(LABELS.known).filter(([, label]) => given.includes(label))
  const spec = Object.fromEntries(known.map(([field, label]) => [field, labels[label]]))
  checkHasWire(given, LABELS, isSpec(spec))
  return spec
}
