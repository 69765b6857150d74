/**
 * Whose an interface is: the devices of all vnets that can be asked, by the network namespace they are in and their name. What is known
 * is looked up without waiting; it is asked anew when the files in /run/vnet have changed, or when a name was not found for a while.
 */
import { fstatSync, statSync } from 'node:fs'
import { ETIMEDOUT, isErrno, VnetError } from '../../core/errno.ts'
import type { Native } from '../../kernel/native.ts'
import { netnsPath } from '../../kernel/netns-name.ts'
import { O_RDONLY } from '../../kernel/uapi.ts'
import { ControlClient } from '../client.ts'
import type { Device } from '../device-stats.ts'
import { type Entry, ownNamespace, RUN_DIRECTORY } from '../directory.ts'
import { findVnets } from '../find.ts'

/** The directory is looked at this often at most. */
const LOOK_MS = 1
/** A file system's clock: two changes in this time may look like one. */
const SETTLED_MS = 50
/** A vnet that could not write its file is found when somebody asks for what is unknown, this often. */
const LOOK_AGAIN_MS = 1000
/** One that does not answer is waited for this long, and then not again for ten times that. */
const TIMEOUT_MS = 1000

/** Who answers for a device. */
export interface Driver {
  readonly port: number
  /** At home in the namespace of that port. */
  readonly native: Native
  /** Message type of vnet_nl there. */
  readonly family: number
  readonly device: Device
  /** Inode of the namespace that the device is in, and of its vnet's own. */
  readonly netns: number
  readonly home: number
}

export class Drivers {
  readonly #native: Native
  readonly #directory: string
  readonly #clock: () => number
  /** Natives of other namespaces, with the descriptor each is held by, by inode. */
  readonly #homes = new Map<number, { readonly native: Native; readonly nsfd: number }>()
  #drivers: readonly Driver[] = []
  #byName = new Map<string, Driver>()
  #changed = 0
  /** When the directory was looked at, and what it said. */
  #looked = Number.NEGATIVE_INFINITY
  #modified = 0
  #asked = Number.NEGATIVE_INFINITY
  #wait = LOOK_AGAIN_MS
  #asking: Promise<void> | undefined

  constructor(native: Native, directory = RUN_DIRECTORY, clock: () => number = () => performance.now()) {
    this.#native = native
    this.#directory = directory
    this.#clock = clock
  }

  /** What is known of a device, without waiting; undefined also when something changed since it was asked. */
  known(netns: number, name: string): Driver | undefined {
    return this.isChanged ? undefined : this.asked(netns, name)
  }

  /** What was known of a device when it was last asked. */
  asked(netns: number, name: string): Driver | undefined {
    return this.#byName.get(key(netns, name))
  }

  /** Whether asking would tell more than is known. */
  get isStale(): boolean {
    return this.#asking !== undefined || this.isChanged || this.#clock() - this.#asked > this.#wait
  }

  /** The vnets that have devices in a namespace, or are at home there: these first. */
  serving(netns: number): readonly Driver[] {
    const home = this.#drivers.filter(driver => driver.home === netns)
    return [...home, ...this.#drivers.filter(driver => driver.home !== netns && driver.netns === netns)]
  }

  /** Asks all vnets anew. Never rejects. */
  ask(): Promise<void> {
    this.#asking ??= this.#ask().finally(() => {
      this.#asking = undefined
    })
    return this.#asking
  }

  /** What is known is not true any more. */
  forget(): void {
    this.#asked = Number.NEGATIVE_INFINITY
    this.#changed = 0
  }

  close(): void {
    for (const { nsfd } of this.#homes.values()) this.#native.close(nsfd)
    this.#homes.clear()
  }

  /** Whether what is known may not be true any more. */
  get isChanged(): boolean {
    const now = this.#clock()
    if (now - this.#looked > LOOK_MS) {
      this.#looked = now
      this.#modified = modified(this.#directory)
    }
    return this.#modified !== this.#changed || this.#asked === Number.NEGATIVE_INFINITY
  }

  async #ask(): Promise<void> {
    const began = this.#clock()
    // Before asking: what changes meanwhile shows at the next call.
    const changed = modified(this.#directory)
    const settled = Date.now() - changed > SETTLED_MS
    const found: Driver[] = []
    const home = ownNamespace('net')
    try {
      using client = new ControlClient(this.#native, { timeoutMs: TIMEOUT_MS })
      const { devices, failed, elsewhere } = await findVnets(client, this.#directory)
      await this.#add(found, client, this.#native, home, devices)
      if (failed.some(isSilent)) this.#keep(found, home)
      for (const entry of elsewhere) await this.#addElsewhere(found, entry)
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
    }
    this.#drivers = found
    this.#byName = new Map(found.map(driver => [key(driver.netns, driver.device.name), driver]))
    this.#changed = settled ? changed : 0
    this.#asked = this.#clock()
    this.#wait = Math.max(LOOK_AGAIN_MS, 10 * (this.#asked - began))
  }

  /** A vnet of another namespace can be asked by who may enter that. */
  async #addElsewhere(found: Driver[], { pid, netns, port }: Entry): Promise<void> {
    const native = this.#at(pid, netns)
    if (native === undefined) return
    try {
      using client = new ControlClient(native, { timeoutMs: TIMEOUT_MS })
      const devices = await client.devices(port)
      await this.#add(
        found,
        client,
        native,
        netns,
        devices.map(device => ({ ...device, port })),
      )
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      if (isSilent(error)) this.#keep(found, netns)
    }
  }

  /** One that does not answer just now, stopped or busy, has what it had; one that has gone refuses when it is asked. */
  #keep(found: Driver[], home: number): void {
    const answered = new Set(found.filter(driver => driver.home === home).map(({ port }) => port))
    found.push(...this.#drivers.filter(driver => driver.home === home && !answered.has(driver.port)))
  }

  async #add(
    found: Driver[],
    client: ControlClient,
    native: Native,
    home: number,
    devices: readonly (Device & { readonly port: number })[],
  ): Promise<void> {
    const families = new Map<number, number>()
    for (const { port, ...device } of devices) {
      const family = families.get(port) ?? (await client.family(port))
      families.set(port, family)
      const netns = device.netns === undefined ? home : inode(netnsPath(device.netns))
      if (netns !== undefined) found.push({ port, native, family, device, netns, home })
    }
  }

  #at(pid: number, netns: number): Native | undefined {
    const known = this.#homes.get(netns)
    if (known !== undefined) return known.native
    const nsfd = this.#native.open(`/proc/${pid}/ns/net`, O_RDONLY, -1)
    if (nsfd < 0) return undefined
    if (fstatSync(nsfd).ino !== netns) {
      this.#native.close(nsfd)
      return undefined
    }
    const ours = this.#native
    const native: Native = {
      ...ours,
      socket: (domain, type, protocol, fd) => ours.socket(domain, type, protocol, fd === -1 ? nsfd : fd),
    }
    this.#homes.set(netns, { native, nsfd })
    return native
  }
}

const isSilent = (error: VnetError) => isErrno(error, ETIMEDOUT)

const key = (netns: number, name: string) => `${netns} ${name}`

function inode(path: string): number | undefined {
  try {
    return statSync(path).ino
  } catch {
    return undefined
  }
}

/** When it last changed, ms; 1 when there is no such directory. */
function modified(directory: string): number {
  return statSync(directory, { throwIfNoEntry: false })?.mtimeMs ?? 1
}
