/**
 * Which vnet has an interface: what the files beside their sockets say. No vnet is asked, so one that is stopped delays no call
 * about another's interface. The files are read again when their directories have changed.
 */
import { statSync } from 'node:fs'
import { type Entry, type EntryInterface, readDirectories } from '../directory.ts'
import { directoriesOf, type FindOptions } from '../find.ts'
import type { RunDirectory } from '../run-directory.ts'

/** The directories are looked at this often at most. */
const LOOK_MS = 1
/** A file system's clock: two changes in this time may look like one. */
const SETTLED_MS = 50

/** An interface, and the vnet that it is of. */
export interface Driver {
  readonly vnet: Entry
  readonly device: EntryInterface
}

export class Vnets {
  readonly #options: FindOptions
  readonly #clock: () => number
  #directories: readonly RunDirectory[] = []
  #entries: readonly Entry[] = []
  readonly #gone = new Set<string>()
  /** By the inode of the network namespace and the name of the interface. */
  #byName = new Map<string, Driver>()
  /** When the directories were looked at, and their state when the files were read: undefined is unknown. */
  #looked = Number.NEGATIVE_INFINITY
  #state: string | undefined

  constructor(options: FindOptions = {}, clock: () => number = () => performance.now()) {
    this.#options = options
    this.#clock = clock
  }

  /** The interface of this name in a namespace. */
  named(netns: number, name: string): Driver | undefined {
    this.#look()
    return this.#byName.get(key(netns, name))
  }

  /** The vnets that are at home in a namespace, then those that have an interface there. */
  serving(netns: number): readonly Entry[] {
    this.#look()
    const home = this.#entries.filter(entry => entry.netns === netns)
    const guests = this.#entries.filter(entry => entry.netns !== netns && entry.interfaces.some(isIn(netns)))
    return [...home, ...guests]
  }

  /** A vnet refuses connections: it has ended, and left its file where nobody knew its process. The name is not used again. */
  gone({ vnet }: Entry): void {
    this.#gone.add(vnet)
    this.forget()
  }

  /** What is known is not true any more. */
  forget(): void {
    this.#state = undefined
    this.#looked = Number.NEGATIVE_INFINITY
  }

  #look(): void {
    const now = this.#clock()
    if (now - this.#looked <= LOOK_MS) return
    this.#looked = now
    if (this.#state !== undefined && this.#directories.length > 0 && state(this.#directories) === this.#state) return
    this.#directories = directoriesOf(this.#options)
    // Before the files are read: what changes meanwhile shows the next time.
    const before = state(this.#directories)
    const isSettled = this.#directories.every(({ path }) => Date.now() - modifiedMs(path) > SETTLED_MS)
    this.#entries = readDirectories(this.#directories).filter(({ vnet }) => !this.#gone.has(vnet))
    this.#byName = new Map(
      this.#entries.flatMap(vnet => vnet.interfaces.map(device => [key(device.inode, device.name), { vnet, device }])),
    )
    this.#state = isSettled ? before : undefined
  }
}

const key = (netns: number, name: string) => `${netns} ${name}`

export function isIn(netns: number): (device: EntryInterface) => boolean {
  return ({ inode }) => inode === netns
}

function state(directories: readonly RunDirectory[]): string {
  return directories.map(({ path }) => `${path} ${modifiedMs(path)}`).join('\n')
}

/** 0 when there is no such directory. */
function modifiedMs(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0
}
