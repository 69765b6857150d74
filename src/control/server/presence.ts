/**
 * Presence: the files by which clients find a vnet: the socket on which it listens and a file
 * beside it.
 */
import { ENOENT, isErrno } from '../../base/errno.ts'
import { describeException } from '../../base/exception.ts'
import type { Native } from '../../linux/native.ts'
import { netnsCookieOf } from '../../linux/socket-identity.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../../netdev/if.ts'
import type { Net } from '../../netdev/net.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { type EntryInterface, type NetNamespace, ownNamespace } from '../protocol/directory.ts'
import { makeRunDirectory, privateCandidates } from '../protocol/run-directory.ts'
import { Announcement } from './announcement.ts'
import { ListeningSocket } from './listening-socket.ts'

/** Every user may connect; the mode of the directory keeps others away. */
const SOCKET_MODE = 0o666

export interface PresenceOptions {
  /** The network namespace that a device is in; undefined is the program's own. */
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  /** The inode and the cookie of that namespace; undefined is the program's own. */
  readonly namespaceOf?: (dev: NetDevice) => NetNamespace | undefined
  /** The directory of the socket; by default the first candidate that only this user may write. */
  readonly directory?: string
  /**
   * True for devices of labs. Only their user and root may enter the directory, and changes of the
   * interfaces are written every 100 ms at most.
   */
  readonly isLab?: boolean
}

export class Presence {
  readonly listening: ListeningSocket
  readonly #announcement: Announcement
  readonly #stop: () => void

  /** Calls `onReadable` while a client waits. Throws an Error if clients cannot find the vnet. */
  constructor(native: Native, net: Net, options: PresenceOptions, onReadable: () => void) {
    const candidates = options.directory === undefined ? undefined : [options.directory]
    const announce = () =>
      new Announcement(makeRunDirectory(candidates ?? (options.isLab ? privateCandidates() : undefined)).path)
    const listen = () => new ListeningSocket(native, this.#announcement.socket, SOCKET_MODE, onReadable)
    const home: NetNamespace = { inode: ownNamespace('net'), cookie: netnsCookieOf(native) }
    this.#announcement = announce()
    try {
      this.listening = listen()
    } catch (error) {
      if (!isErrno(error, ENOENT)) throw error
      // The user's last other vnet ended meanwhile, and removed the empty directory.
      this.#announcement = announce()
      this.listening = listen()
    }
    this.listening.unref()
    this.#stop = keepWritten(net, this.#announcement, home, options)
  }

  /** Closes the socket, and removes both files. */
  remove(): Promise<void> {
    this.#stop()
    this.listening.close()
    return this.#announcement.remove()
  }
}

/** Keeps the file with the interfaces up to date; returns a function that stops this. */
function keepWritten(
  net: Net,
  file: Announcement,
  home: NetNamespace,
  { netnsOf, namespaceOf, isLab }: PresenceOptions,
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
  const soon = () => write(() => file.update(interfaces, failed))
  const now = () => write(() => file.write(interfaces()))
  now()
  return net.registerNetdeviceNotifier((event, dev) => {
    if (event === NETDEV_REGISTER) changed.add(dev)
    else if (event === NETDEV_UNREGISTER) {
      changed.delete(dev)
      places.delete(dev)
    } else if (event === NETDEV_CHANGENAME) {
      changed.add(dev)
      soon()
      return
    } else return
    // The device gets its port, which knows the namespace, right after this.
    if (isLab) queueMicrotask(soon)
    else now()
  })
}
