/**
 * The server in a running vnet: answers the families nlctrl and vnet_nl on a netlink port of the program's own network namespace, and
 * tells where in /run/vnet. It never waits for a client, keeps no process alive, and whatever happens to it the frames go on.
 */
import { describeException } from '../core/exception.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../core/if.ts'
import type { Net } from '../core/net.ts'
import type { NetDevice } from '../core/net-device.ts'
import type { Native } from '../kernel/native.ts'
import { Announcement, RUN_DIRECTORY } from './directory.ts'
import { type Client, dispatch } from './dispatch.ts'
import { Dumps } from './dumps.ts'
import { Events } from './events.ts'
import { VNET_MCGRP_EVENTS, VNET_PORT, VNET_PORTS } from './family.ts'
import { Injector } from './injector.ts'
import { nlctrl } from './nlctrl.ts'
import type { Family } from './operation.ts'
import { type OnDatagram, UserSocket } from './socket.ts'
import type { Module } from './subject.ts'
import { vnetFamily } from './vnet-family.ts'

const ROOT = 0

/** Datagrams answered at the end. */
const LAST_REQUESTS = 64

export interface ServerOptions {
  /** Where a device was made, as its user named that network namespace; undefined is the program's own. */
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  readonly directory?: string
  /** The driver whose parameters can be read and set. */
  readonly module?: Module
  /** A user who may change something beside root and the one that the program runs as. */
  readonly owner?: number | undefined
}

/** The netlink ports that vnets take. */
export function* vnetPorts(): Generator<number> {
  for (let n = 0; n < VNET_PORTS; n++) yield VNET_PORT + n
}

/**
 * Serves the devices of `net`, those registered now and later, until disposed of. Without a socket, or without a file, there is
 * a line in the log and the program goes on.
 */
export function serveControl(native: Native, net: Net, options: ServerOptions = {}): Disposable {
  const { netnsOf = () => undefined, directory = RUN_DIRECTORY, module, owner } = options
  const owners = new Set([ROOT, process.geteuid?.() ?? ROOT, owner ?? ROOT])
  const sendTo = (port: number, octets: Uint8Array) => socket?.send(port, octets) ?? 0
  const multicast = (octets: Uint8Array) => socket?.multicast(VNET_MCGRP_EVENTS, octets)
  const events = new Events(net, netnsOf, { send: sendTo, multicast })
  const injector = new Injector(native)
  const subject = { native, devices: net.devices, netnsOf, module, subscribers: events.subscribers, injector }
  const vnet = vnetFamily(subject)
  const families = new Map([nlctrl([vnet]), vnet].map((family): [number, Family] => [family.id, family]))
  const onDefect = (error: unknown) => net.log.err(`control: ${describeException(error)}`)
  const dumps = new Dumps(sendTo)
  const socket = openSocket(native, net, (bytes, length, sender, uid, pid) => {
    // The kernel has nothing to ask.
    if (sender === 0) return
    const client: Client = {
      port: sender,
      uid,
      pid,
      mayChange: owners.has(uid),
      send: octets => void sendTo(sender, octets),
      dump: parts => dumps.begin(sender, parts),
    }
    dispatch(families, bytes, length, client, onDefect)
  })
  const stopAnnouncing = socket && announce(net, socket.port, directory)
  return {
    [Symbol.dispose]() {
      stopAnnouncing?.()
      // Who asked before the end is answered, and need not find out that nobody will.
      socket?.drain(LAST_REQUESTS)
      events[Symbol.dispose]()
      dumps.close()
      injector.close()
      socket?.close()
    },
  }
}

function openSocket(native: Native, net: Net, onDatagram: OnDatagram): UserSocket | undefined {
  try {
    const socket = UserSocket.open(native, vnetPorts(), onDatagram)
    socket.unref()
    return socket
  } catch (error) {
    net.log.debug(`no control socket, \`vnet stats\` will not find this: ${describeException(error)}`)
    return undefined
  }
}

/** Keeps a file that says which interfaces there are; answers how to stop. */
function announce(net: Net, port: number, directory: string): () => void {
  const devices = new Set<NetDevice>(net.devices)
  let file: Announcement | undefined
  let writable = true
  function write(): void {
    if (!writable) return
    try {
      file ??= new Announcement(port, directory)
      file.write([...devices].map(dev => dev.name))
    } catch (error) {
      writable = false
      net.log.debug(`not in ${directory}: ${describeException(error)}`)
    }
  }
  write()
  const stop = net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) devices.add(dev)
    else if (event === NETDEV_UNREGISTER) devices.delete(dev)
    else if (event !== NETDEV_CHANGENAME) return
    write()
  })
  return () => {
    stop()
    file?.remove()
  }
}
