/**
 * ForwardingTable: the station behind which each hardware address was heard last, as a switch
 * learns it (IEEE 802.1D sec. 7.8, 7.9). An address that is not heard for the ageing time is
 * forgotten. A full table learns nothing until an entry ages out: frames to other addresses are
 * flooded.
 */
import { type Alarm, type Clock, NSEC_PER_SEC } from '../../netdev/clock.ts'
import { copyAddress, ETH_ALEN } from '../../packet/ethernet.ts'
import { AddressTable } from './address-table.ts'
import type { Station } from './station.ts'

/** Entries are checked this many times in the ageing time. */
const TICKS = 10

export class ForwardingTable {
  readonly #table = new AddressTable(ETH_ALEN)
  readonly #max: number
  readonly #clock: Clock
  readonly #tick: number
  readonly #alarm: Alarm
  /** By entry: address, station (undefined in a free entry), and tick of the last frame. */
  #macs = new Uint8Array(16 * ETH_ALEN)
  readonly #stations: (Station | undefined)[] = []
  readonly #heard: number[] = []
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

  /** The station behind which the address at `at` was heard. */
  get(bytes: Uint8Array, at: number): Station | undefined {
    const entry = this.#table.get(bytes, at)
    return entry < 0 ? undefined : this.#stations[entry]
  }

  /** Notes that the address at `at` was heard behind `station`. */
  learn(bytes: Uint8Array, at: number, station: Station): void {
    const entry = this.#table.get(bytes, at)
    if (entry < 0) this.#add(bytes, at, station)
    else {
      this.#stations[entry] = station
      this.#heard[entry] = this.#now
    }
  }

  /** Forgets all addresses behind a station. */
  forget(station: Station): void {
    for (const [entry, known] of this.#stations.entries()) if (known === station) this.#remove(entry)
    if (this.size === 0) this.#alarm.cancel()
  }

  /** Copies of all entries, in no order. */
  entries(): { readonly mac: Uint8Array; readonly station: Station }[] {
    return this.#stations.flatMap((station, entry) => {
      const mac = this.#macs.slice(entry * ETH_ALEN, (entry + 1) * ETH_ALEN)
      return station === undefined ? [] : [{ mac, station }]
    })
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
