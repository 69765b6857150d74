/** FlowTable: the open flows of a capture by their addresses and ports. */
import { formatAddress } from 'vnet'
import type { PacketView } from './packet-view.ts'
import type { Way } from './story.ts'

/** More open flows take memory: then one that was not used for a long time is closed. */
const OPEN_MAX = 3000
/** Multipliers of two hashes: 53 bits of both identify a flow. */
const PRIMES = [0x01000193, 0x27d4eb2f] as const

/** An open flow, its ends, and the state of its clock. */
export interface Entry<F> {
  readonly flow: F
  readonly key: number
  /** The hash of the client's address and port. */
  readonly from: number
  readonly client: { readonly address: string; readonly port: number }
  readonly server: { readonly address: string; readonly port: number }
  wasUsed: boolean
  /** Whether all of its packets have a time. */
  isTimed: boolean
  /** A step of the clock that one sender has shown so far, in ns, and in which frame. */
  jump?: { readonly step: number; readonly way: Way; readonly frame: number } | undefined
  /** The end of a wire of vnet at which packets count. */
  end?: string
}

export class FlowTable<F> {
  /** Whether the packet of the last call goes from the client to the server. */
  isForward = true
  readonly #entries = new Map<number, Entry<F>>()
  #key = 0
  #source = 0
  #destination = 0

  find(p: PacketView): Entry<F> | undefined {
    const { addressAt: at, addressSize: size } = p
    const seed = p.protocol << 16
    this.#source = hash(p.bytes, at, size, seed ^ p.sourcePort, PRIMES[0])
    this.#destination = hash(p.bytes, at + size, size, seed ^ p.destinationPort, PRIMES[0])
    const a = hash(p.bytes, at, size, seed ^ p.sourcePort, PRIMES[1])
    const b = hash(p.bytes, at + size, size, seed ^ p.destinationPort, PRIMES[1])
    // Both directions have the same sums.
    this.#key = ((this.#source + this.#destination) >>> 0) * 2 ** 21 + ((a + b) >>> 11)
    const entry = this.#entries.get(this.#key)
    if (entry === undefined) return undefined
    entry.wasUsed = true
    this.isForward = entry.from === this.#source
    return entry
  }

  /** Adds the flow of a packet that `find` has not found. */
  add(p: PacketView, flow: F, isForward: boolean): Entry<F> {
    const { addressAt: at, addressSize: size } = p
    const text = (offset: number) => formatAddress(p.bytes.slice(offset, offset + size))
    const source = { address: text(at), port: p.sourcePort }
    const destination = { address: text(at + size), port: p.destinationPort }
    const [client, server] = isForward ? [source, destination] : [destination, source]
    const from = isForward ? this.#source : this.#destination
    const entry: Entry<F> = {
      flow,
      key: this.#key,
      from,
      client,
      server,
      wasUsed: false,
      isTimed: true,
    }
    this.isForward = isForward
    this.#entries.set(entry.key, entry)
    return entry
  }

  remove(entry: Entry<F>): Entry<F> {
    this.#entries.delete(entry.key)
    return entry
  }

  /** Removes a flow that was not used for a long time if there are too many, or with `isEnd`. */
  expire(isEnd = false): Entry<F> | undefined {
    if (!isEnd && this.#entries.size <= OPEN_MAX) return undefined
    for (const [key, entry] of this.#entries) {
      if (isEnd || !entry.wasUsed) return this.remove(entry)
      entry.wasUsed = false
      this.#entries.delete(key)
      this.#entries.set(key, entry)
    }
    return undefined
  }
}

function hash(bytes: Uint8Array, at: number, size: number, seed: number, prime: number): number {
  let h = Math.imul(seed ^ 0x811c9dc5, prime)
  for (let i = at; i < at + size; i++) {
    h = Math.imul(h ^ bytes[i] ^ (h >>> 15), prime)
  }
  return (h ^ (h >>> 15)) >>> 0
}
