/**
 * The server of a running vnet. It serves the families nlctrl and vnet_nl on a Unix socket, and
 * announces the socket in the directory where clients look. It never waits for a client and keeps
 * no process alive. Whatever happens to it, frames continue to pass.
 */

import { describeException, type Log, messageOrDescription } from '../../base/index.ts'
import { eventLoopClock } from '../../linux/clock.ts'
import type { Addon, Native } from '../../linux/native.ts'
import type { Net } from '../../netdev/net.ts'
import { Events } from '../operations/events.ts'
import type { Caller, Family } from '../operations/operation.ts'
import type { RunningDriver, Subject } from '../operations/subject.ts'
import { vnetFamily } from '../operations/vnet-family.ts'
import { Batches } from './batches.ts'
import { Captures } from './capture.ts'
import type { Front, FrontOptions } from './front.ts'
import { nlctrl } from './nlctrl.ts'
import { Presence, type PresenceOptions } from './presence.ts'
import { Rights } from './rights.ts'
import { Runtime } from './runtime.ts'
import { Sessions } from './sessions.ts'
import type { Deputy } from './snapshot.ts'

const ROOT = 0

/** Requests that are still served at the end. */
const LAST_REQUESTS = 64
/** Milliseconds in which clients may read the rest of their captures at the end. */
const LAST_READ_MS = 1000

/**
 * The things that a vnet shows and permits to clients, from the start of its server to the end. By
 * default only the program's user and root may change anything, and clients see devices without a
 * driver.
 */
export interface ServerOptions extends PresenceOptions {
  /** The driver, for reading and setting its parameters. */
  readonly module?: RunningDriver
  readonly labPartOf?: Subject['labPartOf']
  /** Another user with the right to change something, besides the user that the program runs as. */
  readonly owner?: number | undefined
  /** The group with the right to capture frames; none by default. */
  readonly captureGroup?: number | undefined
  readonly changed?: Subject['changed']
  readonly mistakes?: Subject['mistakes']
  readonly ownerOf?: Subject['ownerOf']
  /** Replies to clients while this thread does not return; nothing does by default. */
  readonly deputy?: Deputy | undefined
  /** The wall clock, in milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Serves the present and later devices of `net` until disposed of: immediately, or asynchronously
 * when clients that read have the rest of their captures. Failures are logged only.
 */
export function serveControl(
  addon: Native | Addon,
  net: Net,
  options: ServerOptions = {},
): Disposable & AsyncDisposable {
  const native = addon as Native
  let presence: Presence | undefined
  let server: Server | undefined
  try {
    presence = new Presence(native, net, options, () => server?.onReadable())
    server = serveAt(presence, native, net, options)
    return server
  } catch (error) {
    void presence?.remove()
    net.log.warn(
      `no control socket, \`vnet stats\` will not find this: ${messageOrDescription(error)}`,
    )
    return { [Symbol.dispose]() {}, async [Symbol.asyncDispose]() {} }
  }
}

/** A server for clients that connect through the socket of a Presence. */
export interface Server extends Disposable, AsyncDisposable {
  onReadable(): void
}

/**
 * Serves clients of a Presence, which has made its socket already. For serveControl, and for
 * processes that make their own Presence.
 */
export function serveAt(
  presence: Presence,
  native: Native,
  net: Net,
  options: ServerOptions,
): Server {
  const { netnsOf = () => undefined, labPartOf, module, changed, mistakes, ownerOf } = options
  const { owner, captureGroup, deputy, now = Date.now } = options
  const { listening } = presence
  const onDefect = (error: unknown) => net.log.err(`control: ${describeException(error)}`)
  const owners = [process.geteuid?.() ?? ROOT, owner ?? ROOT]
  const rights = new Rights(native, owners, captureGroup)
  const events = new Events(net, netnsOf, now, module?.attaches)
  const captures = new Captures({ native: listening.calls, net, netnsOf, driver: module?.name })
  const runtime = new Runtime(net.pool)
  const given = { netnsOf, labPartOf, module, changed, mistakes, ownerOf, now }
  const vnet = vnetFamily({ ...given, devices: net.devices, events, captures, runtime })
  const families = new Map(
    [nlctrl([vnet]), vnet].map((family): [number, Family] => [family.id, family]),
  )
  const onEnd = (session: Caller) => events.unsubscribe(session)
  const { turns } = net
  // Real time, even if a test moves the clock of the net: clients are real.
  const batches = new Batches(eventLoopClock, turns)
  let isOpen = true
  let stopPublishing = () => {}
  if (deputy !== undefined) {
    void import('./snapshot.ts').then(({ publish }) => {
      if (!isOpen) return
      stopPublishing = publish(deputy, listening.fd, net, vnet, () => front.beat())
    })
  }
  const sessions: Sessions = new Sessions(listening, rights, {
    families,
    turns,
    batches,
    onDefect,
    onEnd,
    elsewhere: (fd, missing) => missing !== undefined && front.take(fd),
  })
  const front = new LazyFront(
    sessions,
    {
      ...{ families, vnet, turns, batches, native, owners, captureGroup, onDefect },
      listening: listening.fd,
      isRefusing: listening.isRefusing,
      beats: deputy !== undefined,
    },
    net.log,
  )
  /** Requests that arrived before the end are served. */
  function stop(): Promise<void> {
    isOpen = false
    stopPublishing()
    front.close()
    sessions.close(LAST_REQUESTS)
    return presence.remove()
  }
  function dispose(): void {
    captures.close()
    events[Symbol.dispose]()
    runtime[Symbol.dispose]()
  }
  return {
    onReadable: () => sessions.onReadable(),
    [Symbol.dispose]() {
      void stop()
      dispose()
    },
    async [Symbol.asyncDispose]() {
      const removed = stop()
      await captures.end(LAST_READ_MS)
      await removed
      dispose()
    },
  }
}

/**
 * The process that serves clients without rights, which the first of them starts. Without that
 * process, the sessions serve all clients.
 */
class LazyFront {
  readonly #sessions: Sessions
  readonly #options: Omit<FrontOptions, 'take' | 'onWaiting' | 'onFailure'>
  readonly #log: Log
  #front: Front | undefined
  #isPossible = true

  constructor(
    sessions: Sessions,
    options: Omit<FrontOptions, 'take' | 'onWaiting' | 'onFailure'>,
    log: Log,
  ) {
    this.#sessions = sessions
    this.#options = options
    this.#log = log
  }

  /** Passes a client to the process. Returns false if the client must be served here. */
  take(fd: number): boolean {
    if (!this.#isPossible) return false
    if (this.#front === undefined) {
      this.#sessions.leave()
      void this.#start(fd)
    } else {
      this.#front.serve(fd)
    }
    return true
  }

  beat(): void {
    this.#front?.beat()
  }

  close(): void {
    this.#isPossible = false
    this.#front?.close()
  }

  async #start(fd: number): Promise<void> {
    const sessions = this.#sessions
    try {
      const loaded = await import('./front.ts')
      if (!this.#isPossible) {
        this.#failed([fd])
        return
      }
      this.#front = new loaded.Front({
        ...this.#options,
        take: (client, input) => sessions.take(client, input),
        onWaiting: () => sessions.acceptWaiting(),
        onFailure: clients => this.#failed(clients),
      })
      this.#front.serve(fd)
    } catch (error) {
      this.#log.debug(
        `control: clients without rights share the thread of the frames: ${describeException(error)}`,
      )
      this.#failed([fd])
    }
  }

  #failed(clients: readonly number[]): void {
    this.#isPossible = false
    for (const client of clients) {
      this.#sessions.take(client)
    }
    this.#sessions.resume()
  }
}
