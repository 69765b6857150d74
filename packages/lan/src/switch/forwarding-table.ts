/**
 * ForwardingTable: the station from which each hardware address was heard last (IEEE 802.1D sec.
 * 7.8, 7.9), forgotten after the ageing time. In a full table a new address replaces another
 * address of its own station, or of the station with the most if its own has less than an equal
 * share. So only the frames of a station that sends from many addresses are flooded.
 */
import { type Alarm, type Clock, ETH_ALEN, ethernet, NSEC_PER_SEC } from 'vnet'
import { AddressTable } from './address-table.ts'
import type { Station } from './segment.ts'

/** Entries are checked this many times in the ageing time. */
const TICKS = 10

/** The table of one segment. */
export class ForwardingTable {
  readonly #table = new AddressTable(ETH_ALEN)
  readonly #max: number
  readonly #clock: Clock
  readonly #tick: number
  readonly #alarm: Alarm
  /** Each entry has an address, a station (undefined if free), and the tick of the last frame. */
  #macs = new Uint8Array(16 * ETH_ALEN)
  readonly #stations: (Station | undefined)[] = []
  readonly #heard: number[] = []
  /** The entries of each station, in no order, and the place of each entry in that list. */
  readonly #ofStation = new Map<Station, number[]>()
  readonly #places: number[] = []
  /** Counts replacements, so that they go round the entries of a station. */
  #replaced = 0
  readonly #free: number[] = []
  #now = 0

  /** Holds up to `max` addresses; `ageing` is in seconds. */
  constructor(clock: Clock, max = 8192, ageing = 300) {
    this.#clock = clock
    this.#max = max
    this.#tick = (ageing * NSEC_PER_SEC) / TICKS
    this.#alarm = clock.alarm(() => this.#age())
  }

  get size(): number {
    return this.#table.size
  }

  /** Returns the station of the address at `at`; undefined if it is unknown. */
  get(bytes: Uint8Array, at: number): Station | undefined {
    const entry = this.#table.get(bytes, at)
    return entry < 0 ? undefined : this.#stations[entry]
  }

  /** Notes that the address at `at` was heard from a station now. Copies the address. */
  learn(bytes: Uint8Array, at: number, station: Station): void {
    const entry = this.#table.get(bytes, at)
    if (entry < 0) {
      this.#add(bytes, at, station)
    } else {
      if (this.#stations[entry] !== station) {
        this.#leave(entry)
        this.#join(entry, station)
      }
      this.#heard[entry] = this.#now
    }
  }

  /** Removes the addresses of a station that is unplugged. */
  forget(station: Station): void {
    for (const entry of [...(this.#ofStation.get(station) ?? [])]) {
      this.#remove(entry)
    }
    if (this.size === 0) {
      this.#alarm.cancel()
    }
  }

  /** Copies of all entries, in no order. */
  entries(): { readonly mac: Uint8Array; readonly station: Station }[] {
    return this.#stations.flatMap((station, entry) => {
      const mac = this.#macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN)
      return station === undefined ? [] : [{ mac, station }]
    })
  }

  #add(bytes: Uint8Array, at: number, station: Station): void {
    if (this.size >= this.#max) {
      this.#remove(this.#replaceable(station))
    }
    if (this.size === 0) {
      this.#alarm.at(this.#clock.now() + this.#tick)
    }
    const entry = this.#free.pop() ?? this.#stations.length
    if ((entry + 1) * ETH_ALEN > this.#macs.length) {
      const macs = new Uint8Array(2 * this.#macs.length)
      macs.set(this.#macs)
      this.#macs = macs
    }
    ethernet.copyAddress(this.#macs, entry * ETH_ALEN, bytes, at)
    this.#join(entry, station)
    this.#heard[entry] = this.#now
    this.#table.set(bytes, at, entry)
  }

  #remove(entry: number): void {
    this.#table.delete(this.#macs, entry * ETH_ALEN)
    this.#leave(entry)
    this.#stations[entry] = undefined
    this.#free.push(entry)
  }

  #join(entry: number, station: Station): void {
    const entries = this.#ofStation.get(station)
    this.#places[entry] = entries?.length ?? 0
    if (entries === undefined) {
      this.#ofStation.set(station, [entry])
    } else {
      entries.push(entry)
    }
    this.#stations[entry] = station
  }

  /** Removes an entry from the list of its station. The last entry of the list gets its place. */
  #leave(entry: number): void {
    const station = this.#stations[entry] as Station
    const entries = this.#ofStation.get(station) as number[]
    const last = entries.pop() as number
    if (last !== entry) {
      entries[this.#places[entry]] = last
      this.#places[last] = this.#places[entry]
    }
    if (entries.length === 0) {
      this.#ofStation.delete(station)
    }
  }

  /** The entry of a full table that a new address of `station` replaces. */
  #replaceable(station: Station): number {
    let entries = this.#ofStation.get(station) ?? []
    const stations = this.#ofStation.size + (entries.length === 0 ? 1 : 0)
    if (entries.length < Math.max(1, Math.floor(this.#max / stations))) {
      for (const others of this.#ofStation.values()) {
        if (others.length > entries.length) {
          entries = others
        }
      }
    }
    return entries[this.#replaced++ % entries.length]
  }

  #age(): void {
    this.#now++
    for (const [entry, station] of this.#stations.entries()) {
      if (station !== undefined && this.#now - this.#heard[entry] >= TICKS) {
        this.#remove(entry)
      }
    }
    if (this.size > 0) {
      this.#alarm.at(this.#clock.now() + this.#tick)
    }
  }
}
