/** The API of container engines, Docker's and Podman's alike, over their Unix sockets. */
import { type ClientRequest, type IncomingMessage, request } from 'node:http'
import {
  attempt,
  EACCES,
  ECONNREFUSED,
  EIO,
  ENOENT,
  reasonOf,
  UsageError,
  VnetError,
} from '../base/index.ts'

const UNIX = 'unix://'
/** Milliseconds until an engine must have replied. */
const TIMEOUT_MS = 10_000
/** Maximum size of a reply in bytes. */
const BODY_MAX = 16 << 20
/** A name or an id: RestrictedNameChars of both engines. */
const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

/** A container as its engine describes it at one moment. */
export interface Container {
  readonly id: string
  readonly name: string
  /** The process id of its first process; 0 if it is not running. */
  readonly pid: number
  readonly labels: Readonly<Record<string, string>>
  readonly image: string
}

/**
 * Returns the paths of the engines' sockets, in the order in which they are tried. Throws a
 * UsageError if DOCKER_HOST is another machine.
 */
export function engineSockets(env: NodeJS.ProcessEnv = process.env): string[] {
  const { DOCKER_HOST: host, XDG_RUNTIME_DIR: runtime } = env
  if (host?.startsWith(UNIX)) return [host.slice(UNIX.length)]
  if (host) {
    throw new UsageError(
      `DOCKER_HOST: the containers must be on this machine: unix:///PATH, not '${host}'`,
    )
  }
  return [
    '/var/run/docker.sock',
    '/run/podman/podman.sock',
    ...(runtime === undefined ? [] : [`${runtime}/podman/podman.sock`]),
  ]
}

/** Finds a container by its name, or by its id or the start of it. Throws a VnetError. */
export async function findContainer(name: string, sockets: readonly string[]): Promise<Container> {
  if (!NAME.test(name)) throw new UsageError(`--container: '${name}' is neither a name nor an id`)
  let isReached = false
  for (const socket of sockets) {
    const found = await inspectContainer(socket, name).catch(error => {
      if (error instanceof NoEngine) return error
      throw error
    })
    if (found instanceof NoEngine) continue
    isReached = true
    if (found !== undefined) return found
  }
  if (isReached) {
    throw new VnetError(
      ENOENT,
      `container ${name}`,
      'there is no such container; `docker ps` lists them',
    )
  }
  const advice = `no engine listens at ${sockets.join(' or ')}: start it, podman.socket for Podman, or set DOCKER_HOST`
  throw new VnetError(ECONNREFUSED, `container ${name}`, advice)
}

/** Returns the first socket at which an engine listens. Rejects if none does. */
export async function listeningSocket(sockets: readonly string[]): Promise<string> {
  const missing: NoEngine[] = []
  for (const socket of sockets) {
    const error = await get(socket, '/_ping').then(
      () => undefined,
      failure => failure,
    )
    if (error === undefined) return socket
    if (!(error instanceof NoEngine)) throw error
    missing.push(error)
  }
  throw new NoEngine(missing.map(({ message }) => message).join(', '))
}

/** Returns a container of the engine; undefined if it has none of this name. */
export async function inspectContainer(
  socket: string,
  name: string,
): Promise<Container | undefined> {
  const { status, body } = await get(socket, `/containers/${encodeURIComponent(name)}/json`)
  if (status === 404) return undefined
  const { Id, Name, Image, State, Config } = parse(socket, status, body)
  return {
    id: text(Id),
    name: text(Name).replace(/^\//, ''),
    pid: State?.Running === true && Number.isSafeInteger(State.Pid) ? State.Pid : 0,
    labels: labelsOf(Config),
    image: text(Image),
  }
}

/**
 * Returns the labels that an image gives to its containers; none if the engine has no such image.
 */
export async function imageLabels(
  socket: string,
  image: string,
): Promise<Readonly<Record<string, string>>> {
  const { status, body } = await get(socket, `/images/${encodeURIComponent(image)}/json`)
  return status === 404 ? {} : labelsOf(parse(socket, status, body).Config)
}

/** Returns all containers, whether they run or not. */
export async function allContainers(socket: string): Promise<{ id: string; isRunning: boolean }[]> {
  const { status, body } = await get(socket, '/containers/json?all=1')
  const list = parse(socket, status, body)
  if (!Array.isArray(list)) return []
  return list
    .map(({ Id, State }) => ({ id: text(Id), isRunning: State === 'running' }))
    .filter(({ id }) => NAME.test(id))
}

/** Functions that are notified with the id of a container. */
interface ContainerFollower {
  /** It ended, or its networks changed, or it `started` as such a container. */
  changed(id: string, started?: Container): void
  removed(id: string): void
  /** The engine reports from now on. */
  connected(): void
  readonly signal: AbortSignal
}

// Podman's word for `destroy` is `remove`.
const EVENTS = {
  type: ['container', 'network'],
  event: ['start', 'die', 'destroy', 'remove', 'connect', 'disconnect'],
}

/** Settles when the stream of events ends, also by `signal`. Rejects without an engine. */
export async function followContainers(socket: string, follower: ContainerFollower): Promise<void> {
  const { changed, removed, connected, signal } = follower
  const filters = encodeURIComponent(JSON.stringify(EVENTS))
  const { response } = await open(socket, `/events?filters=${filters}`, signal)
  if (response.statusCode !== 200) {
    response.destroy()
    const why = `the engine replies to /events with status ${response.statusCode}`
    throw new VnetError(EIO, socket, why)
  }
  connected()
  let rest = ''
  for await (const chunk of response.setEncoding('utf8')) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop() ?? ''
    if (rest.length > BODY_MAX) {
      throw new VnetError(EIO, socket, 'an event of the engine is too long')
    }
    for (const line of lines) {
      const { id, started, isRemoved } = eventOf(line)
      if (!NAME.test(id)) continue
      if (isRemoved) {
        removed(id)
      } else {
        changed(id, started)
      }
    }
  }
}

/** Returns the container in a line of /events; an empty id for a line without one. */
function eventOf(line: string): {
  id: string
  started?: Container | undefined
  isRemoved: boolean
} {
  const { id: given, Type, Action, Actor } = attempt(() => JSON.parse(line)) ?? {}
  const { ID, Attributes } = Actor ?? {}
  // In Docker's events of a network the actor is the network.
  const isOfNetwork = Type === 'network'
  const id = (isOfNetwork && text(Attributes?.container)) || text(ID) || text(given)
  if (!isOfNetwork && Action === 'start') {
    // The attributes are the labels and a few more. A container of `--rm` may no longer exist.
    const [name, image] = [text(Attributes?.name), text(Attributes?.image)]
    return {
      id,
      started: { id, name, image, pid: 0, labels: labelsOf({ Labels: Attributes }) },
      isRemoved: false,
    }
  }
  return { id, isRemoved: !isOfNetwork && (Action === 'destroy' || Action === 'remove') }
}

/** No engine listens at a socket. */
class NoEngine extends Error {}

async function get(socket: string, path: string): Promise<{ status: number; body: string }> {
  const { sent, response } = await open(socket, path, AbortSignal.timeout(TIMEOUT_MS))
  let body = ''
  for await (const chunk of response.setEncoding('utf8')) {
    body += chunk
    if (body.length <= BODY_MAX) continue
    sent.destroy()
    throw new VnetError(EIO, socket, 'the answer of the engine is too long')
  }
  return { status: response.statusCode ?? 0, body }
}

function open(
  socket: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly sent: ClientRequest; readonly response: IncomingMessage }> {
  return new Promise((resolve, reject) => {
    const sent = request(
      { socketPath: socket, path, signal, agent: false, headers: { host: 'docker' } },
      response => resolve({ sent, response }),
    )
    sent.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ECONNREFUSED') {
        reject(new NoEngine(`${socket}: ${reasonOf(error)}`))
      } else if (error.code === 'EACCES') {
        reject(new VnetError(EACCES, socket, 'only root and its group may use it'))
      } else {
        reject(new VnetError(EIO, socket, `the engine does not answer: ${error.message}`))
      }
    })
    sent.end()
  })
}

// biome-ignore lint/suspicious/noExplicitAny: each field is checked where it is read
function parse(socket: string, status: number, body: string): any {
  const value = attempt(() => JSON.parse(body))
  if (status === 200 && typeof value === 'object' && value !== null) return value
  throw new VnetError(
    EIO,
    socket,
    `the engine answers with status ${status}, and with no JSON object that is known`,
  )
}

function labelsOf(
  config: { Labels?: unknown } | null | undefined,
): Readonly<Record<string, string>> {
  const entries = Object.entries(config?.Labels ?? {})
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  )
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
