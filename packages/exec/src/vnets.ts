/**
 * Finds the vnet of an interface by the files beside the vnets' sockets. No vnet is queried, so a
 * stopped vnet does not delay a call for another. The files are read again when their directories
 * change.
 */
import { statSync } from 'node:fs'
import type { Entry, EntryInterface, FindOptions } from 'vnet/control'
import { directoriesOf, type RunDirectory, readDirectories } from 'vnet/kit/control'

/** The directories are checked at most this often. */
const LOOK_MS = 1
/** The granularity of a file system's clock: two changes within it may have one time stamp. */
const SETTLED_MS = 50

/** An interface with the vnet that has it. */
export type RemoteDevice = Readonly<{ vnet: Entry; device: EntryInterface }>

/**
 * The running vnets, as far as this user can read their files. A vnet that started less than
 * LOOK_MS ago may be missing.
 */
export class ReachableVnets {
  readonly #options: FindOptions
  readonly #clock: () => number
  #directories: readonly RunDirectory[] = []
  #entries: readonly Entry[] = []
  readonly #gone = new Set<string>()
  /** Devices by the inode of their network namespace and the name of the interface. */
  #byName = new Map<string, RemoteDevice>()
  /** When the directories were checked, and their state when the files were read, if known. */
  #looked = Number.NEGATIVE_INFINITY
  #state: string | undefined

  constructor(options: FindOptions = {}, clock: () => number = () => performance.now()) {
    this.#options = options
    this.#clock = clock
  }

  /** Returns the interface of this name in a network namespace, by its inode. */
  named(netns: number, name: string): RemoteDevice | undefined {
    this.#look()
    return this.#byName.get(key(netns, name))
  }

  /** Returns the vnets that run in a namespace, then the vnets with an interface there. */
  serving(netns: number): readonly Entry[] {
    this.#look()
    const home = this.#entries.filter(entry => entry.netns === netns)
    const guests = this.#entries.filter(
      entry => entry.netns !== netns && entry.interfaces.some(isIn(netns)),
    )
    return [...home, ...guests]
  }

  /** Drops a vnet that refuses connections: it has ended and left its file. */
  gone({ vnet }: Entry): void {
    this.#gone.add(vnet)
    this.forget()
  }

  /** Makes the next lookup read the files again. */
  forget(): void {
    this.#state = undefined
    this.#looked = Number.NEGATIVE_INFINITY
  }

  #look(): void {
    const now = this.#clock()
    if (now - this.#looked <= LOOK_MS) return
    this.#looked = now
    if (
      this.#state !== undefined &&
      this.#directories.length > 0 &&
      state(this.#directories) === this.#state
    ) {
      return
    }
    this.#directories = directoriesOf(this.#options)
    // Read before the files, so that the next check notices changes made meanwhile.
    const before = state(this.#directories)
    const isSettled = this.#directories.every(
      ({ path }) => Date.now() - modifiedMs(path) > SETTLED_MS,
    )
    this.#entries = readDirectories(this.#directories).filter(({ vnet }) => !this.#gone.has(vnet))
    this.#byName = new Map(
      this.#entries.flatMap(vnet =>
        vnet.interfaces.map(device => [key(device.inode, device.name), { vnet, device }]),
      ),
    )
    this.#state = isSettled ? before : undefined
  }
}

const key = (netns: number, name: string) => `${netns} ${name}`

export const isIn =
  (netns: number): ((device: EntryInterface) => boolean) =>
  ({ inode }) =>
    inode === netns

const state = (directories: readonly RunDirectory[]): string =>
  directories.map(({ path }) => `${path} ${modifiedMs(path)}`).join('\n')

/** Returns 0 if the directory does not exist. */
const modifiedMs = (path: string): number => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
