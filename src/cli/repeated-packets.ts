/**
 * RepeatedPackets: finds IP packets that a capture has twice, as when two interfaces of a path were
 * captured. A copy has the same bytes but its link header, hop limit and header checksum, and comes
 * within REPEAT. IPv4 packets without an identification are not compared: others may look alike.
 */
import { NSEC_PER_MSEC } from '../base/clock.ts'
import { ETH_P_IP, ETH_P_IPV6 } from '../packet/ethernet.ts'
import * as ipv4 from '../packet/ipv4.ts'
import { IPV4_HLEN } from '../packet/ipv4.ts'
import { IPV6_HLEN } from '../packet/ipv6.ts'
import { get16 } from '../packet/octets.ts'
import { networkOffset } from '../packet/vlan.ts'

const REPEAT = 100 * NSEC_PER_MSEC
/** Recent packets that are compared; a power of two. */
const RECENT = 4096
/** Bytes that are compared. */
const COMPARED = 96
/** The share of copies from which a capture is suspect. */
const SHARE = 0.1

export class RepeatedPackets {
  #packets = 0
  #repeated = 0
  readonly #hashes = new Int32Array(RECENT)
  readonly #times = new Float64Array(RECENT).fill(Number.NEGATIVE_INFINITY)

  /** The number of copies; 0 if they are few. */
  get count(): number {
    return this.#repeated > SHARE * this.#packets ? this.#repeated : 0
  }

  /** Notes a frame that was captured at `time` ns. */
  add(bytes: Uint8Array, at: number, length: number, time: number): void {
    this.#packets++
    const network = networkOffset(bytes, at, length)
    if (network < 0) return
    const start = at + network
    const end = Math.min(at + length, start + COMPARED)
    const type = get16(bytes, start - 2)
    const isIpv4 = type === ETH_P_IP && end - start >= IPV4_HLEN && ipv4.identification(bytes, start) !== 0
    if (!isIpv4 && !(type === ETH_P_IPV6 && end - start >= IPV6_HLEN)) return
    let hash = length - network
    for (let i = start; i < end; i++) {
      const place = i - start
      const changes = isIpv4 ? place === 8 || place === 10 || place === 11 : place === 7
      if (!changes) hash = Math.imul(hash ^ (bytes[i] as number), 0x01000193)
    }
    const slot = (hash ^ (hash >>> 16)) & (RECENT - 1)
    if (this.#hashes[slot] === hash && time - (this.#times[slot] as number) < REPEAT) this.#repeated++
    this.#hashes[slot] = hash
    this.#times[slot] = time
  }
}
