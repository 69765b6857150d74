/**
 * ForwardingTable: which station an Ethernet address was last heard behind, as a switch learns it (IEEE 802.1D sec. 7.8,
 * 7.9). What was not heard for the ageing time is forgotten. When it is full nothing more is learned until something
 * ages: frames for who is not in it go to everybody.
 */
import { type Alarm, type Clock, NSEC_PER_SEC } from '../core/clock.ts'
import { copyAddress, ETH_ALEN, formatAddress } from '../header/ethernet.ts'
import { AddressTable } from './address-table.ts'
import type { Station } from './station.ts'

/** How often it is looked for what has aged, in a tenth of the ageing time. */
const TICKS = 10

export interface ForwardingEntry {
  readonly mac: string
  readonly station: Station
}

export class ForwardingTable {
  readonly #table = new AddressTable(ETH_ALEN)
  readonly #max: number
  readonly #clock: Clock
  readonly #tick: number
  readonly #alarm: Alarm
  /** By entry: the address, the station, undefined in one that is free, and the tick when it was last heard. */
  #macs = new Uint8Array(16 * ETH_ALEN)
  readonly #stations: (Station | undefined)[] = []
  readonly #heard: number[] = []
  readonly #free: number[] = []
  #now = 0

  /** At most `max` addresses; `ageing` is in seconds. */
  constructor(clock: Clock, max = 8192, ageing = 300) {
    this.#clock = clock
    this.#max = max
    this.#tick = (ageing * NSEC_PER_SEC) / TICKS
    this.#alarm = clock.alarm(() => this.#age())
  }

  get size(): number {
    return this.#table.size
  }

  /** The station behind which the address at `at` was heard. */
  get(bytes: Uint8Array, at: number): Station | undefined {
    const entry = this.#table.get(bytes, at)
    return entry < 0 ? undefined : this.#stations[entry]
  }

  /** The address at `at` was heard behind `station`. */
  learn(bytes: Uint8Array, at: number, station: Station): void {
    const entry = this.#table.get(bytes, at)
    if (entry < 0) this.#add(bytes, at, station)
    else {
      this.#stations[entry] = station
      this.#heard[entry] = this.#now
    }
  }

  /** Forgets what was heard behind a station: it was unplugged. */
  forget(station: Station): void {
    for (const [entry, known] of this.#stations.entries()) if (known === station) this.#remove(entry)
    if (this.size === 0) this.#alarm.cancel()
  }

  /** What it knows, in no order. */
  entries(): ForwardingEntry[] {
    return this.#stations.flatMap((station, entry) =>
      station === undefined ? [] : [{ mac: formatAddress(this.#macs, entry * ETH_ALEN), station }],
    )
  }

  #add(bytes: Uint8Array, at: number, station: Station): void {
    if (this.size >= this.#max) return
    if (this.size === 0) this.#alarm.at(this.#clock.now() + this.#tick)
    const entry = this.#free.pop() ?? this.#stations.length
    if ((entry + 1) * ETH_ALEN > this.#macs.length) {
      const macs = new Uint8Array(2 * this.#macs.length)
      macs.set(this.#macs)
      this.#macs = macs
    }
    copyAddress(this.#macs, entry * ETH_ALEN, bytes, at)
    this.#stations[entry] = station
    this.#heard[entry] = this.#now
    this.#table.set(bytes, at, entry)
  }

  #remove(entry: number): void {
    this.#table.delete(this.#macs, entry * ETH_ALEN)
    this.#stations[entry] = undefined
    this.#free.push(entry)
  }

  #age(): void {
    this.#now++
    for (const [entry, station] of this.#stations.entries()) {
      if (station !== undefined && this.#now - this.#heard[entry] >= TICKS) this.#remove(entry)
    }
    if (this.size > 0) this.#alarm.at(this.#clock.now() + this.#tick)
  }
}
