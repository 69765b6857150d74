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
import type { DeviceOwner } from '../control/operations/subject.ts'
import type { AttachRequest } from './attach-request.ts'
import { type Attachments, detachedText } from './attachments.ts'
import type { Mistake } from './mistakes.ts'
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
const containerOf = (owner: string): string | undefined =>
  isOfDocker(owner) ? owner.split(' ')[1] : undefined

interface DockerOptions {
  /** The engine is at the first of them that listens, and then always there. */
  readonly sockets: readonly string[]
  /** True if the labels of an image count too: then the author of the image chooses the wire. */
  readonly imageLabels: boolean
  readonly signal: AbortSignal
}

type EngineOptions = Omit<DockerOptions, 'sockets'> & { readonly socket: string }
type AdoptOptions = EngineOptions & { readonly waiting: Map<string, Container> }
/** Why an interface has not its wire. */
type Wrong = Pick<Mistake, 'why' | 'ifindex'>

/** Follows the engine, including its restarts, until `signal`. Never rejects. */
export async function followDocker(
  attachments: Attachments,
  options: DockerOptions,
): Promise<void> {
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
    if (!isLogged) {
      attachments.warn(`docker: ${why}; trying again every second`)
    }
    isLogged = true
    await setTimeout(AGAIN_MS, undefined, { signal }).catch(() => {})
  }
}

/** Follows the engine at a socket until it ends. */
function followEngine(
  attachments: Attachments,
  options: EngineOptions,
  onConnected: () => void,
): Promise<void> {
  const { socket, signal } = options
  /** The last task of each container. The tasks of a container run one after the other. */
  const turns = new Map<string, Promise<void>>()
  /** Containers that have started, and have had no wire since. */
  const waiting = new Map<string, Container>()
  function inTurn(id: string, fn: () => Promise<void> | void): Promise<void> {
    const turn = (turns.get(id) ?? Promise.resolve())
      .then(fn)
      .catch(error => attachments.warn(lineOf(error)))
    turns.set(id, turn)
    return turn
  }
  const adopt = (id: string) =>
    inTurn(id, () => adoptContainer(attachments, id, { ...options, waiting }))
  const connected = () => {
    onConnected()
    // After the events, so that no container is missed in between.
    allContainers(socket)
      .then(all => {
        attachments.forget(
          owner => isOfDocker(owner) && !all.some(({ id }) => id === containerOf(owner)),
        )
        return Promise.all(all.map(({ id, isRunning }) => isRunning && adopt(id)))
      })
      .catch(error => attachments.warn(lineOf(error)))
  }
  function changed(id: string, started?: Container): void {
    if (started !== undefined) {
      waiting.set(id, started)
    }
    void adopt(id)
  }
  function removed(id: string): void {
    void inTurn(id, () => {
      attachments.forget(owner => containerOf(owner) === id)
      waiting.delete(id)
    })
      // Its last turn.
      .then(() => turns.delete(id))
  }
  return followContainers(socket, { changed, removed, connected, signal })
}

/** Attaches to the interfaces of a container, unless that was done, and notes its mistakes. */
async function adoptContainer(
  attachments: Attachments,
  id: string,
  options: AdoptOptions,
): Promise<void> {
  const { waiting } = options
  const container = (await inspectContainer(options.socket, id)) ?? waiting.get(id)
  const wrong = new Map<string, Wrong>()
  const isRunning = container !== undefined && container.pid !== 0
  if (container !== undefined && (isRunning || waiting.has(id))) {
    try {
      const spec = await specOf(container, options, attachments)
      const isMeant = isSpec(spec) || attachments.byHandTo(id)
      if (isRunning && isMeant) {
        await attachments.inTurn(() => attachAll(attachments, container, spec, wrong))
      } else if (isMeant && !isRunning) {
        wrong.set(`${DOCKER}${id}`, { why: 'it ended before it had its wire' })
      }
    } catch (error) {
      wrong.set(`${DOCKER}${id}`, { why: lineOf(error) })
    }
  }
  if (isRunning && [...wrong.keys()].every(owner => attachments.isDetached(owner))) {
    waiting.delete(id)
  }
  attachments.mistakes.forget(owner => containerOf(owner) === id && !wrong.has(owner))
  const who = ownerText({ container: container?.name, id })
  for (const [owner, mistake] of wrong) {
    attachments.mistakes.add(owner, { who, ...mistake })
  }
}

/**
 * Attaches to the veths of a container, unless it has no labels: then a user attached to those it
 * had. Adds to `wrong` why an interface has not its wire, by owner.
 */
async function attachAll(
  attachments: Attachments,
  { id, pid, name: container }: Container,
  spec: Spec,
  wrong: Map<string, Wrong>,
): Promise<void> {
  const wanted = { text: 'labels', path: netnsOf(pid), netns: undefined, only: undefined }
  const { ends, others } = endsOf(attachments.native, wanted)
  for (const { name, ifindex, inside } of ends) {
    const owner = `${DOCKER}${id} ${inside}`
    const names = { container, id, interface: inside }
    const present = attachments.at(ifindex)
    const why = isSpec(spec)
      ? whyNot(attachments, owner, names, present)
      : present === undefined && later(names)
    if (why) {
      wrong.set(owner, { why, ifindex })
    }
    if (why || present !== undefined) continue
    try {
      await attachments.attach({ ...spec, name, farSide: true, owner, names, fromStart: true })
    } catch (error) {
      wrong.set(owner, { why: lineOf(error) })
    }
  }
  for (const { name, kind = 'no veth' } of others) {
    const why = `${name} is ${kind}: vnet attach --node ${wanted.path}/${name} attaches inside`
    wrong.set(`${DOCKER}${id} ${name}`, { why })
  }
}

/** Returns why labels give no wire to an interface, which may have one already. */
function whyNot(
  attachments: Attachments,
  owner: string,
  names: DeviceOwner,
  present: AttachRequest | undefined,
): string | undefined {
  const other = containerOf(present?.owner ?? '')
  if (other !== undefined && other !== names.id) {
    const first = ownerText(present?.names ?? { id: other })
    return `it shares ${names.interface} with ${first}, whose labels give the wire`
  }
  return present === undefined && attachments.isDetached(owner) ? detachedText(names) : undefined
}

const later = ({ container, interface: inside }: DeviceOwner): string =>
  `${inside} has no wire, because it is newer: vnet attach --node --container ${container} --interface ${inside}`

/** Returns the wire of the labels, without labels that the image gave. Throws a UsageError. */
async function specOf(
  container: Container,
  options: EngineOptions,
  { log }: Attachments,
): Promise<Spec> {
  const { labels, name, image } = container
  const ours = Object.keys(labels).filter(label => isOurs(label, LABELS))
  if (ours.length === 0) return {}
  const own = options.imageLabels ? {} : await imageLabels(options.socket, image)
  const given = ours.filter(label => labels[label] !== own[label])
  if (given.length === 0) {
    log.debug(`container ${name}: only its image has labels`)
  }
  checkNames(given, LABELS)
  const known = Object.entries(LABELS.known).filter(([, label]) => given.includes(label))
  const spec = Object.fromEntries(known.map(([field, label]) => [field, labels[label]]))
  checkHasWire(given, LABELS, isSpec(spec))
  return spec
}
