/** The API of a container engine on a Unix socket, with the containers that a test gives it. */
import { createServer, type Server, type ServerResponse } from 'node:http'
import { join } from 'node:path'
import { afterEach, beforeEach } from 'vitest'

export interface FakeContainer {
  readonly pid: number
  /** Its id by default. */
  readonly name?: string
  readonly labels?: Readonly<Record<string, string>>
  readonly image?: string
}

export class FakeEngine {
  readonly socket: string
  readonly containers = new Map<string, FakeContainer>()
  /** Labels by image. */
  readonly images = new Map<string, Readonly<Record<string, string>>>()
  /** Called on a request for the container `slow`, which gets no reply. */
  slow: (() => void) | undefined
  /** The status of its replies to requests for events. */
  eventsStatus = 200
  /** How many of these requests it has refused. */
  refused = 0
  readonly #streams = new Set<ServerResponse>()
  #server: Server | undefined

  constructor(socket: string) {
    this.socket = socket
  }

  listen(): Promise<void> {
    const server = createServer((request, response) => this.#answer(request.url ?? '', response))
    this.#server = server
    return new Promise(resolve => server.listen(this.socket, resolve))
  }

  /** Adds a container, and reports its start. */
  start(name: string, container: FakeContainer): void {
    this.containers.set(name, container)
    this.#started(name, container)
  }

  /** Reports the start of a container of `--rm` that has ended. */
  startRemoved(name: string, container: FakeContainer): void {
    this.#started(name, container)
    this.remove(name)
  }

  #started(ID: string, { name = ID, image = 'none', labels }: FakeContainer): void {
    this.#report('container', 'start', { ID, Attributes: { ...labels, name, image } })
  }

  /** Ends a container, and reports it. */
  end(name: string): void {
    this.containers.set(name, { ...this.containers.get(name), pid: 0 })
    this.#report('container', 'die', { ID: name })
  }

  /** Removes a container, and reports it. */
  remove(name: string): void {
    this.containers.delete(name)
    this.#report('container', 'destroy', { ID: name })
  }

  /** Reports that a container was connected to another network. */
  connect(container: string): void {
    this.#report('network', 'connect', { ID: 'net2', Attributes: { container } })
  }

  #report(Type: string, Action: string, Actor: object): void {
    this.write(`${JSON.stringify({ Type, Action, Actor })}\n`)
  }

  /** Writes to all followers of the events. */
  write(text: string): void {
    for (const stream of this.#streams) {
      stream.write(text)
    }
  }

  async close(): Promise<void> {
    const server = this.#server
    this.#server = undefined
    if (server === undefined) return
    const closed = new Promise(resolve => server.close(resolve))
    server.closeAllConnections()
    await closed
  }

  #answer(url: string, response: ServerResponse): void {
    const send = (status: number, body: object) =>
      response.writeHead(status).end(JSON.stringify(body))
    const [, kind, name = ''] = new URL(url, 'http://engine').pathname.split('/')
    const container = this.containers.get(name)
    if (name === 'slow') {
      this.slow?.()
    } else if (kind === 'events' && this.eventsStatus !== 200) {
      this.refused++
      send(this.eventsStatus, { message: 'refused' })
    } else if (kind === 'events') {
      response.writeHead(200).flushHeaders()
      this.#streams.add(response)
      response.on('close', () => this.#streams.delete(response))
    } else if (kind === 'images') {
      send(200, { Config: { Labels: this.images.get(decodeURIComponent(name)) ?? null } })
    } else if (name === 'json') {
      send(
        200,
        [...this.containers].map(([Id, { pid }]) => ({
          Id,
          State: pid > 0 ? 'running' : 'exited',
        })),
      )
    } else if (container === undefined) {
      send(404, { message: `No such container: ${name}` })
    } else {
      const { pid, labels = {}, image = 'none', name: shown = name } = container
      const State = { Running: pid > 0, Pid: pid }
      send(200, { Id: name, Name: `/${shown}`, Image: image, State, Config: { Labels: labels } })
    }
  }
}

/** Returns an engine that listens at DOCKER_HOST during each test. */
export function freshEngine(directory: string): FakeEngine {
  const engine = new FakeEngine(join(directory, 'engine.sock'))
  const before = process.env.DOCKER_HOST
  beforeEach(async () => {
    engine.containers.clear()
    engine.images.clear()
    process.env.DOCKER_HOST = `unix://${engine.socket}`
    await engine.listen()
  })
  afterEach(async () => {
    if (before === undefined) {
      delete process.env.DOCKER_HOST
    } else {
      process.env.DOCKER_HOST = before
    }
    await engine.close()
  })
  return engine
}
