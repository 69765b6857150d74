/** Attaches to containers of Docker by their labels: running ones, and each that starts. */
import { setTimeout } from 'node:timers/promises'
import { allContainers, type Container, followContainers, imageLabels, inspectContainer } from '../attach/engine.ts'
import { netnsOf, otherEnds } from '../attach/inside.ts'
import type { Attachments } from './attachments.ts'
import { isSpec, lineOf, type Spec } from './spec.ts'

/** Milliseconds from the end of a connection to the next attempt. */
const AGAIN_MS = 1000

const LABELS = {
  wire: 'vnet.wire',
  wireIn: 'vnet.wire-in',
  wireOut: 'vnet.wire-out',
  only: 'vnet.only',
  seed: 'vnet.seed',
  scenario: 'vnet.scenario',
} as const

/** The start of the owners of attachments by labels: `docker ID IF`. */
const DOCKER = 'docker '
const isOfDocker = (owner: string): boolean => owner.startsWith(DOCKER)
const containerOf = (owner: string): string | undefined => owner.split(' ')[1]

interface DockerOptions {
  readonly socket: string
  /** True if the labels of an image count too: then the author of the image chooses the wire. */
  readonly imageLabels: boolean
  readonly signal: AbortSignal
}

/** Follows the engine, including its restarts, until `signal`. Never rejects. */
export async function followDocker(attachments: Attachments, options: DockerOptions): Promise<void> {
  const { socket, signal } = options
  let isLogged = false
  const adopt = (id: string) => adoptContainer(attachments, id, options).catch(error => attachments.warn(lineOf(error)))
  while (!signal.aborted) {
    const connected = () => {
      isLogged = false
      attachments.log.debug('docker: connected')
      // After the events, so that no container is missed in between.
      allContainers(socket)
        .then(all => {
          attachments.forget(owner => isOfDocker(owner) && !all.some(({ id }) => id === containerOf(owner)))
          return Promise.all(all.map(({ id, isRunning }) => isRunning && adopt(id)))
        })
        .catch(error => attachments.warn(lineOf(error)))
    }
    const changed = (id: string) => void adopt(id)
    const removed = (id: string) => attachments.forget(owner => isOfDocker(owner) && containerOf(owner) === id)
    const why = await followContainers(socket, { changed, removed, connected, signal }).then(
      () => 'it ended',
      (error: Error) => error.message,
    )
    if (signal.aborted) return
    if (!isLogged) attachments.warn(`docker: ${why}; trying again every second`)
    isLogged = true
    await setTimeout(AGAIN_MS, undefined, { signal }).catch(() => {})
  }
}

/** Attaches to the interfaces of a container, unless that was done. Logs a line if it cannot. */
async function adoptContainer(attachments: Attachments, id: string, options: DockerOptions): Promise<void> {
  const container = await inspectContainer(options.socket, id)
  if (container === undefined || container.pid === 0) return
  try {
    const spec = await specOf(container, options)
    if (!isSpec(spec)) {
      if (isSpec(labelsOf(container))) attachments.log.debug(`container ${container.name}: only its image has labels`)
      return
    }
    const { id, pid } = container
    const wanted = { text: 'labels', path: netnsOf(pid), netns: undefined, only: undefined }
    await attachments.inTurn(async () => {
      for (const { name, inside } of otherEnds(attachments.native, wanted)) {
        const owner = `${DOCKER}${id} ${inside}`
        if (attachments.isDetached(owner))
          attachments.log.info(`container ${container.name}: ${inside} has no wire, because a user detached it`)
        else if (!attachments.has(name)) await attachments.attach({ ...spec, name, farSide: true, owner })
      }
    })
  } catch (error) {
    attachments.warn(`container ${container.name}: ${lineOf(error)}`)
  }
}

async function specOf(container: Container, { socket, imageLabels: all }: DockerOptions): Promise<Spec> {
  const given = labelsOf(container)
  if (all || !isSpec(given)) return given
  return labelsOf(container, await imageLabels(socket, container.image))
}

/** Returns the wire of the labels, without labels that the image gave. */
function labelsOf({ labels }: Container, own: Readonly<Record<string, string>> = {}): Spec {
  const given = Object.entries(LABELS).filter(([, label]) => labels[label] !== own[label])
  return Object.fromEntries(given.map(([name, label]) => [name, labels[label]]))
}
