/**
 * The server of a running vnet. It serves the families nlctrl and vnet_nl on a Unix socket, and
 * announces the socket in the directory where clients look. It never waits for a client and keeps
 * no process alive. Whatever happens to it, frames continue to pass.
 */

import { describeException, messageOrDescription } from '../../base/index.ts'
import { eventLoopClock } from '../../linux/clock.ts'
import type { Addon, Native } from '../../linux/native.ts'
import type { Net } from '../../netdev/net.ts'
import { Batches } from './batches.ts'
import { Captures } from './capture.ts'
import { Events } from './events.ts'
import type { Front } from './front.ts'
import { nlctrl } from './nlctrl.ts'
import type { Caller, Family } from './operation.ts'
import { Presence, type PresenceOptions } from './presence.ts'
import { Rights } from './rights.ts'
import { Runtime } from './runtime.ts'
import { Sessions } from './sessions.ts'
import type { Deputy } from './snapshot.ts'
import type { RunningDriver, Subject } from './subject.ts'
import { vnetFamily } from './vnet-family.ts'

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
  /** The process that serves clients without rights: the first of them starts it. */
  let front: Front | undefined
  let isFrontPossible = true
  let isOpen = true
  let stopPublishing = () => {}
  if (deputy !== undefined) {
    void import('./snapshot.ts').then(({ publish }) => {
      if (!isOpen) return
      stopPublishing = publish(deputy, listening.fd, net, vnet, () => front?.beat())
    })
  }
  const sessions: Sessions = new Sessions(listening, rights, {
    families,
    turns,
    batches,
    onDefect,
    onEnd,
    elsewhere(fd, missing) {
      if (missing === undefined || !isFrontPossible) return false
      if (front === undefined) {
        sessions.leave()
        void startFront(fd)
      } else {
        front.serve(fd)
      }
      return true
    },
  })
  async function startFront(fd: number): Promise<void> {
    /** Without that process this one serves all clients. */
    const onFailure = (clients: readonly number[]) => {
      isFrontPossible = false
      for (const client of clients) {
        sessions.take(client)
      }
      sessions.resume()
    }
    try {
      const loaded = await import('./front.ts')
      const { fd: socket, isRefusing } = listening
      const take = (client: number, input: Uint8Array) => sessions.take(client, input)
      const shared = {
        families,
        vnet,
        turns,
        batches,
        native,
        owners,
        captureGroup,
        isRefusing,
        onDefect,
      }
      const beats = deputy !== undefined
      if (!isFrontPossible) return onFailure([fd])
      const onWaiting = () => sessions.acceptWaiting()
      front = new loaded.Front({ ...shared, beats, listening: socket, take, onWaiting, onFailure })
      front.serve(fd)
    } catch (error) {
      net.log.debug(
        `control: clients without rights share the thread of the frames: ${describeException(error)}`,
      )
      onFailure([fd])
    }
  }
  /** Requests that arrived before the end are served. */
  function stop(): Promise<void> {
    isOpen = false
    isFrontPossible = false
    stopPublishing()
    front?.close()
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
