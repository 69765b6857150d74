/**
 * The server of a running vnet. It serves the families nlctrl and vnet_nl on a Unix socket, and
 * announces the socket in the directory where clients look. It never waits for a client and keeps
 * no process alive. Whatever happens to it, the frames go on.
 */

import { VnetError } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import type { Native } from '../../linux/native.ts'
import { netnsCookieOf } from '../../linux/socket-identity.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../../netdev/if.ts'
import type { Net } from '../../netdev/net.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { type EntryInterface, type NetNamespace, ownNamespace } from '../protocol/directory.ts'
import { makeRunDirectory } from '../protocol/run-directory.ts'
import { Announcement } from './announcement.ts'
import { Captures } from './capture.ts'
import { Events } from './events.ts'
import { ListeningSocket } from './listening-socket.ts'
import { nlctrl } from './nlctrl.ts'
import type { Caller, Family } from './operation.ts'
import { type ChildKind, Rights } from './rights.ts'
import { Runtime } from './runtime.ts'
import { Sessions } from './sessions.ts'
import type { RunningDriver } from './subject.ts'
import { vnetFamily } from './vnet-family.ts'

const ROOT = 0

/** Requests that are still served at the end. */
const LAST_REQUESTS = 64
/** Milliseconds in which clients may read the rest of their captures at the end. */
const LAST_READ_MS = 1000

/** Every user may connect; the mode of the directory keeps others away. */
const SOCKET_MODE = 0o666

export interface ServerOptions {
  /** The network namespace that a device is in; undefined is the program's own. */
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  /** The inode and the cookie of that namespace; undefined is the program's own. */
  readonly namespaceOf?: (dev: NetDevice) => NetNamespace | undefined
  /** The directory of the socket; by default the first candidate that only this user may write. */
  readonly directory?: string
  /** The driver whose parameters can be read and set. */
  readonly module?: RunningDriver
  /** Another user that may change something, besides the one that the program runs as. */
  readonly owner?: number | undefined
  /** The group whose members may capture frames; none by default. */
  readonly captureGroup?: number | undefined
  /**
   * Processes that this one has started and not reaped yet, by process id. The process of `web`
   * changes this vnet for its user, without the capability that this needs otherwise: it may have
   * dropped it. The process of `metrics` is a client without rights, with a share of its own.
   */
  readonly children?: ReadonlyMap<number, ChildKind> | undefined
  /** The wall clock, in milliseconds since 1970; Date.now by default. */
  readonly now?: () => number
}

/**
 * Serves the devices of `net`, those registered now and later, until disposed of: at once, or
 * asynchronously, when clients that read have got the rest of their captures. A failure is logged,
 * and the program goes on.
 */
export function serveControl(native: Native, net: Net, options: ServerOptions = {}): Disposable & AsyncDisposable {
  const onDefect = (error: unknown) => net.log.err(`control: ${describeException(error)}`)
  try {
    return serve(native, net, options, onDefect)
  } catch (error) {
    const why = error instanceof VnetError ? error.message : describeException(error)
    net.log.warn(`no control socket, \`vnet stats\` will not find this: ${why}`)
    return { [Symbol.dispose]() {}, async [Symbol.asyncDispose]() {} }
  }
}

function serve(
  native: Native,
  net: Net,
  options: ServerOptions,
  onDefect: (error: unknown) => void,
): Disposable & AsyncDisposable {
  const { netnsOf = () => undefined, module, owner, now = Date.now } = options
  const directory = makeRunDirectory(options.directory === undefined ? undefined : [options.directory]).path
  const rights = new Rights(native, [process.geteuid?.() ?? ROOT, owner ?? ROOT], options)
  const announcement = new Announcement(directory)
  const home: NetNamespace = { inode: ownNamespace('net'), cookie: netnsCookieOf(native) }
  const listening = ListeningSocket.open(native, announcement.socket, SOCKET_MODE, () => sessions.onReadable())
  listening.unref()

  const events = new Events(net, netnsOf, now, module?.name)
  const captures = new Captures({ native: listening.calls, net, netnsOf, driver: module?.name })
  const runtime = new Runtime(net.pool)
  const vnet = vnetFamily({ devices: net.devices, netnsOf, module, events, captures, runtime, now })
  const families = new Map([nlctrl([vnet]), vnet].map((family): [number, Family] => [family.id, family]))
  const onEnd = (session: Caller) => events.unsubscribe(session)
  const sessions = new Sessions(listening.calls, listening, rights, { families, turns: net.turns, onDefect, onEnd })
  const stopAnnouncing = announce(net, announcement, home, options)
  /** Requests that came before the end are served. */
  function stop(): Promise<void> {
    stopAnnouncing()
    sessions.close(LAST_REQUESTS)
    listening.close()
    return announcement.remove()
  }
  function dispose(): void {
    captures.close()
    events[Symbol.dispose]()
    runtime[Symbol.dispose]()
  }
  return {
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

/** Keeps the file with the interfaces up to date; returns a function that stops this. */
function announce(
  net: Net,
  file: Announcement,
  home: NetNamespace,
  { netnsOf, namespaceOf }: ServerOptions,
): () => void {
  const places = new Map<NetDevice, EntryInterface>()
  const changed = new Set<NetDevice>(net.devices)
  const place = (dev: NetDevice): EntryInterface => ({
    name: dev.name,
    ifindex: dev.ifindex,
    netns: netnsOf?.(dev),
    ...(namespaceOf?.(dev) ?? home),
  })
  /** Reads the places of changed devices only, because that takes system calls. */
  function interfaces(): EntryInterface[] {
    for (const dev of changed) places.set(dev, place(dev))
    changed.clear()
    return [...places.values()]
  }
  let writable = true
  function failed(error: unknown): void {
    if (writable) net.log.warn(`\`vnet stats\` will not find this: ${describeException(error)}`)
    writable = false
  }
  function write(how: () => void): void {
    if (!writable) return
    try {
      how()
    } catch (error) {
      failed(error)
    }
  }
  write(() => file.write(interfaces()))
  return net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) changed.add(dev)
    else if (event === NETDEV_UNREGISTER) {
      changed.delete(dev)
      places.delete(dev)
    } else if (event === NETDEV_CHANGENAME) {
      changed.add(dev)
      write(() => file.update(interfaces, failed))
      return
    } else return
    write(() => file.write(interfaces()))
  })
}
