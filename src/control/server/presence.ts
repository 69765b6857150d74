/**
 * The files by which a running vnet is found: PID-RANDOM.sock, on which it listens, and
 * PID-RANDOM.json, which names its process and interfaces for clients. The random part is used only
 * once, so that removing the files of an ended vnet never removes a newer vnet's.
 */
import { randomBytes } from 'node:crypto'
import { chmodSync, renameSync, rmdirSync, writeFileSync } from 'node:fs'
import { chmod, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { attempt, describeException, ENOENT, isErrno } from '../../base/index.ts'
import { type Native, netnsCookieOf } from '../../linux/index.ts'
import { NETDEV_CHANGENAME, NETDEV_REGISTER, NETDEV_UNREGISTER } from '../../netdev/if.ts'
import type { Net, NetDevice } from '../../netdev/index.ts'
import type { EntryInterface, NetNamespace } from '../sockets/directory.ts'
import { ownNamespace, removeQuietly, startTime } from '../sockets/directory.ts'
import { makeRunDirectory, privateCandidates, RUN_DIRECTORY } from '../sockets/run-directory.ts'
import { ListeningSocket } from './listening-socket.ts'

/** Every user may connect; the mode of the directory keeps others away. */
const SOCKET_MODE = 0o666

/** Everybody may read which interfaces a vnet has. */
const MODE = 0o644

/** Milliseconds between two writes, and after which a change is written immediately. */
const PERIOD_MS = 100
const QUIET_MS = 1000

/** How a vnet announces itself: where its files are, and the namespaces of its devices. */
export interface PresenceOptions {
  /** The network namespace that a device is in; undefined is the program's own. */
  readonly netnsOf?: (dev: NetDevice) => string | undefined
  /** The inode and the cookie of that namespace; undefined is the program's own. */
  readonly namespaceOf?: (dev: NetDevice) => NetNamespace | undefined
  /** The directory of the socket; by default the first candidate that only this user may write. */
  readonly directory?: string
  /** True for labs: for their user and root alone, with changes written every 100 ms at most. */
  readonly isLab?: boolean
}

export class Presence {
  readonly listening: ListeningSocket
  readonly #announcement: Announcement
  readonly #stop: () => void

  /** Calls `onReadable` while a client waits. Throws an Error if clients cannot find the vnet. */
  constructor(native: Native, net: Net, options: PresenceOptions, onReadable: () => void) {
    const candidates = options.directory === undefined ? undefined : [options.directory]
    const own = candidates ?? (options.isLab ? privateCandidates() : undefined)
    const announce = () => new Announcement(makeRunDirectory(own, line => net.log.warn(line)).path)
    const listen = () =>
      new ListeningSocket(native, this.#announcement.socket, SOCKET_MODE, onReadable)
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
    this.listening.poller.unref()
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
    for (const dev of changed) {
      places.set(dev, place(dev))
    }
    changed.clear()
    return [...places.values()]
  }
  let writable = true
  function failed(error: unknown): void {
    if (writable) {
      net.log.warn(`\`vnet stats\` will not find this: ${describeException(error)}`)
    }
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
    if (event !== NETDEV_REGISTER && event !== NETDEV_UNREGISTER && event !== NETDEV_CHANGENAME) {
      return
    }
    if (event === NETDEV_UNREGISTER) {
      changed.delete(dev)
      places.delete(dev)
    } else {
      changed.add(dev)
    }
    if (event === NETDEV_CHANGENAME) {
      soon()
    } else if (isLab) {
      // The device gets its port, which knows the namespace, right after this.
      queueMicrotask(soon)
    } else {
      now()
    }
  })
}

/** The file that names the interfaces, and the path of the socket. */
export class Announcement {
  readonly socket: string
  readonly #directory: string
  readonly #file: string
  readonly #self: object
  /** When a change was written last, in milliseconds of performance.now(). */
  #written = Number.NEGATIVE_INFINITY
  #timer: NodeJS.Timeout | undefined
  /** The write that threads carry out. */
  #saving: Promise<void> | undefined
  #isStale = false
  #removed = false

  /** `directory` exists and belongs to this user. */
  constructor(directory: string) {
    const { pid } = process
    const name = join(directory, `${pid}-${randomBytes(6).toString('hex')}`)
    this.socket = `${name}.sock`
    this.#directory = directory
    this.#file = `${name}.json`
    const [netns, pidns] = [ownNamespace('net'), ownNamespace('pid')]
    this.#self = { pid, startTime: startTime(pid) ?? '', pidns, netns }
  }

  /** Replaces the file atomically. Throws the errors of the file system. */
  write(interfaces: readonly EntryInterface[]): void {
    const temporary = `${this.#file}.tmp`
    writeFileSync(temporary, this.#text(interfaces), { mode: MODE })
    chmodSync(temporary, MODE)
    renameSync(temporary, this.#file)
    // What threads are writing is older.
    this.#isStale = this.#saving !== undefined
  }

  /**
   * Replaces the file soon: immediately after a second without a change, otherwise every 100 ms at
   * most, in threads that carry no frames. `failed` is called with an error of the file system.
   */
  update(interfaces: () => readonly EntryInterface[], failed: (error: unknown) => void): void {
    if (this.#removed || this.#timer !== undefined) return
    if (this.#saving !== undefined) {
      this.#isStale = true
      return
    }
    const age = performance.now() - this.#written
    if (age > QUIET_MS) {
      this.#written = performance.now()
      this.write(interfaces())
      return
    }
    const save = () => {
      this.#timer = undefined
      // After remove(), the file is not needed, so an error does not matter.
      this.#saving = this.#save(interfaces()).catch(error => {
        if (!this.#removed) {
          failed(error)
        }
      })
      void this.#saving.then(() => {
        this.#saving = undefined
        this.#written = performance.now()
        if (this.#isStale) {
          this.update(interfaces, failed)
        }
        this.#isStale = false
      })
    }
    this.#timer = setTimeout(save, Math.max(0, PERIOD_MS - age)).unref()
  }

  /** Removes the files, and a user's empty directory. Settles after all writes; never throws. */
  async remove(): Promise<void> {
    this.#removed = true
    clearTimeout(this.#timer)
    this.#removeFiles()
    if (this.#saving === undefined) return
    await this.#saving
    this.#removeFiles()
  }

  async #save(interfaces: readonly EntryInterface[]): Promise<void> {
    const temporary = `${this.#file}.new`
    await writeFile(temporary, this.#text(interfaces), { mode: MODE })
    await chmod(temporary, MODE)
    await rename(temporary, this.#file)
  }

  #text(interfaces: readonly EntryInterface[]): string {
    return `${JSON.stringify({ ...this.#self, interfaces })}\n`
  }

  #removeFiles(): void {
    for (const file of [this.#file, `${this.#file}.tmp`, `${this.#file}.new`, this.socket]) {
      removeQuietly(file)
    }
    // Fails if it is not empty, or does not belong to this user any more.
    if (this.#directory !== RUN_DIRECTORY) {
      attempt(() => rmdirSync(this.#directory))
    }
  }
}
