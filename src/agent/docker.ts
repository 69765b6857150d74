/** Attaches to containers of Docker by their labels: running ones, and each that starts. */
import { setTimeout } from 'node:timers/promises'
import { type Container, followStarts, imageLabels, inspectContainer, runningContainers } from '../attach/engine.ts'
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
      runningContainers(socket)
        .then(ids => Promise.all(ids.map(adopt)))
        .catch(error => attachments.warn(lineOf(error)))
    }
    const why = await followStarts(socket, { started: id => void adopt(id), connected, signal }).then(
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
      for (const name of otherEnds(attachments.native, wanted)) {
        if (!attachments.has(name)) await attachments.attach({ ...spec, name, farSide: true, owner: `docker ${id}` })
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
