/**
 * The server in a running vnet: answers the families nlctrl and vnet_nl on a Unix socket, and announces it where others look for
 * it. It never waits for a client, keeps no process alive, and whatever happens to it the frames go on.
 */
import { VnetError } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import type { Native } from '../kernel/native.ts'
import { Announcement } from './announcement.ts'
import { type EntryInterface, ownNamespace } from './directory.ts'
import { Events } from './events.ts'
import { ListeningSocket } from './listening-socket.ts'
import { nlctrl } from './nlctrl.ts'
import type { Caller, Family } from './operation.ts'
import { Rights } from './rights.ts'
import { makeRunDirectory } from './run-directory.ts'
import { Sessions } from './sessions.ts'
import type { Module } from './subject.ts'
import { Turns } from './turns.ts'
import { vnetFamily } from './vnet-family.ts'

const ROOT = 0

/** Requests answered at the end. */
const LAST_REQUESTS = 64

/** Everybody may connect: what keeps others away is the directory. */
const SOCKET_MODE = 0o666

export interface ServerOptions {
  /** Where a device was made, as its user named that network namespace; undefined is the program's own. */
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  /** Inode of the network namespace that a device is in; undefined is the program's own. */
  readonly namespaceOf?: (dev: NetDevice) => number | undefined
  /** Where it is to be found; by default the first place that this user alone may write. */
  readonly directory?: string
  /** The driver whose parameters can be read and set. */
  readonly module?: Module
  /** A user who may change something beside the one that the program runs as. */
  readonly owner?: number | undefined
}

/**
 * Serves the devices of `net`, those registered now and later, until disposed of. Where that cannot be done there is a line in
 * the log and the program goes on.
 */
export function serveControl(native: Native, net: Net, options: ServerOptions = {}): Disposable {
  const onDefect = (error: unknown) => net.log.err(`control: ${describeException(error)}`)
  try {
    return serve(native, net, options, onDefect)
  } catch (error) {
    const why = error instanceof VnetError ? error.message : describeException(error)
    net.log.warn(`no control socket, \`vnet stats\` will not find this: ${why}`)
    return { [Symbol.dispose]() {} }
  }
}

function serve(native: Native, net: Net, options: ServerOptions, onDefect: (error: unknown) => void): Disposable {
  const { netnsOf = () => undefined, module, owner } = options
  const directory = makeRunDirectory(options.directory === undefined ? undefined : [options.directory]).path
  const rights = new Rights(native, [process.geteuid?.() ?? ROOT, owner ?? ROOT])
  const announcement = new Announcement(directory)
  const home = ownNamespace('net')
  const turns = new Turns(
    () => native.monotonic(),
    () => net.devices.reduce((frames, { counters }) => frames + counters.txPackets(), 0),
  )
  const listening = ListeningSocket.open(native, announcement.socket, SOCKET_MODE, () => sessions.onReadable())
  listening.unref()

  const events = new Events(net, netnsOf)
  const vnet = vnetFamily({ devices: net.devices, netnsOf, module, subscribers: events.subscribers })
  const families = new Map([nlctrl([vnet]), vnet].map((family): [number, Family] => [family.id, family]))
  const onEnd = (session: Caller) => events.subscribers.delete(session)
  const sessions = new Sessions(native, listening, rights, { families, turns, onDefect, onEnd })
  const stopAnnouncing = announce(net, announcement, home, options)
  return {
    [Symbol.dispose]() {
      stopAnnouncing()
      // Who asked before the end is answered.
      sessions.close(LAST_REQUESTS)
      turns.close()
      events[Symbol.dispose]()
      listening.close()
      announcement.remove()
    },
  }
}

/** Keeps the file that says which interfaces there are; returns how to stop. */
function announce(net: Net, file: Announcement, home: number, { netnsOf, namespaceOf }: ServerOptions): () => void {
  const devices = new Set<NetDevice>(net.devices)
  const place = (dev: NetDevice): EntryInterface => ({
    name: dev.name,
    ifindex: dev.ifindex,
    netns: netnsOf?.(dev),
    inode: namespaceOf?.(dev) ?? home,
  })
  let writable = true
  function write(): void {
    if (!writable) return
    try {
      file.write([...devices].map(place))
    } catch (error) {
      writable = false
      net.log.warn(`\`vnet stats\` will not find this: ${describeException(error)}`)
    }
  }
  write()
  return net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) devices.add(dev)
    else if (event === NETDEV_UNREGISTER) devices.delete(dev)
    else if (event !== NETDEV_CHANGENAME) return
    write()
  })
}
