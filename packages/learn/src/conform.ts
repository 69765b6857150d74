/** '@vnet/learn/conform': cases of vnet conform (packages/conform/docs/conform.md) in memory. */
import { CaseFailure, readGroup, runCase, type Sent, type World } from '@vnet/conform'
import { formatMac, NSEC_PER_MSEC } from 'vnet'
import type { TestBed } from 'vnet/bed'
import { print } from 'vnet/capture'
import { fail } from './exercise.ts'

/** The station that sends the frames of the cases. The kernel has another address. */
const PEER = {
  mac: Uint8Array.of(2, 0, 0x5e, 0, 0x53, 7),
  ip: Uint8Array.of(198, 18, 0, 7),
  ip6: undefined,
}

/** A World on a driver: the kernel sends the peer's frames, and receives the host's. */
class BedWorld implements World {
  readonly tolerance = { early: 0, late: 0, grace: 0 }
  readonly isImmediate = true
  readonly port = 40_000
  readonly peer = PEER
  readonly host: World['host']
  readonly #bed: TestBed
  #next: number

  constructor(bed: TestBed, host: World['host']) {
    this.#bed = bed
    this.host = host
    this.#next = bed.received.length
  }

  now(): number {
    return this.#bed.clock.now()
  }

  async sleepUntil(moment: number): Promise<void> {
    this.#bed.advance(Math.max(moment - this.now(), 0) / NSEC_PER_MSEC)
  }

  inject(frame: Uint8Array): void {
    this.#bed.transmit(frame)
  }

  async next(until: number): Promise<Sent | undefined> {
    if (this.#bed.received.length === this.#next) {
      await this.sleepUntil(until)
    }
    const frame = this.#bed.received[this.#next]
    if (frame === undefined) return undefined
    this.#next++
    return { frame: frame.bytes, at: this.now() }
  }

  close(): void {}
}

/**
 * Returns a function that runs the cases of the groups by their names, on a driver with a host of
 * these addresses, and ends the check as failed if the host fails it; `rule` explains the case.
 * Another station, 198.18.0.7, is its peer.
 */
export function conformance({ mac, ip }: Omit<World['host'], 'ip6'>, ...groups: readonly string[]) {
  const host = { mac, ip, ip6: undefined }
  const cases = groups.flatMap(name => readGroup(name).cases)
  const text = (bytes: Uint8Array) => `'${print(bytes, 0, bytes.length)}'`
  return async (bed: TestBed, name: string, rule: string): Promise<void> => {
    const one = cases.find(each => each.name === name)
    if (one === undefined) throw new Error(`no case is called '${name}'`)
    const before = bed.received.length
    try {
      // Checks count drops, and a bed keeps nothing for a later case.
      const steps = one.steps.filter(({ verb }) => verb !== 'clean')
      await runCase({ ...one, steps }, new BedWorld(bed, host))
    } catch (error) {
      if (!(error instanceof CaseFailure)) throw error
      const sent = error.frames.flatMap(({ frame, isFromHost }) =>
        isFromHost ? [] : [text(frame)],
      )
      const replies = bed.received
        .slice(before)
        .map(({ bytes }) => `${text(bytes)} for ${formatMac(bytes)}`)
      const isAway = replies.length > 0 && error.reason === 'the host has sent nothing'
      const what = [isAway ? `no frame for ${formatMac(PEER.mac)}` : error.reason, ...replies].join(
        ': ',
      )
      fail({
        seen: `not so: ${one.title}. To ${sent.join(', ')}: ${what}`,
        expected: `${rule} (${one.source})`,
      })
    }
  }
}
