/** Runs a conformance case in a world, line after line. */
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { Calls } from './calls.ts'
import type { Case, Items, Step } from './notation.ts'
import { PEER_PORTS, Peer } from './peer.ts'
import { decode } from './segment.ts'
import type { IcmpError, Sent, World } from './world.ts'

/** "Immediately", in milliseconds. */
const IMMEDIATELY = [0, 1] as const
/** Without a segment for so long, a host has nothing more to send. */
const DRAINED = 50 * NSEC_PER_MSEC
/** Verbs that do nothing to a connection: the time of the next line counts from the one before. */
const OBSERVING: ReadonlySet<string> = new Set(['accept', 'read', 'skip', 'state', 'writable'])

/**
 * A failure of the machine, not of TCP: this process was held up for so long that lines which must
 * follow each other immediately did not. The kernel's shortest timers are RACK's and delayed ACKs'.
 */
export class HeldUp extends Error {}
const HELD_UP = 10 * NSEC_PER_MSEC

/**
 * Rejects with the line that failed and everything that happened before, as a HeldUp if that
 * happened too late. The world is closed.
 */
export async function runCase({ steps }: Case, world: World): Promise<void> {
  const run = new Run(world)
  const end: Step = { text: 'the end', time: undefined, verb: 'end', words: [], items: undefined }
  try {
    for (const step of [...steps, end]) {
      try {
        await run.step(step)
      } catch (error) {
        const text = `${step.text}: ${(error as Error).message}\n${run.log.join('\n')}`
        throw run.longest > HELD_UP ? new HeldUp(text) : new Error(text, { cause: error })
      }
    }
  } finally {
    world.close()
  }
}

class Run {
  readonly log: string[] = []
  /** The longest time by which a line was late. */
  longest = 0
  readonly #world: World
  readonly #peers = new Map<number, Peer>()
  readonly #start: number
  /** When the previous step happened. */
  #before: number
  #sentAfterQuiet: Sent | undefined
  readonly #calls: Calls

  constructor(world: World) {
    this.#world = world
    this.#calls = new Calls(world)
    this.#start = world.now()
    this.#before = this.#start
  }

  async step(step: Step): Promise<void> {
    const { verb, words, time, items } = step
    const world = this.#world
    if (verb === 'out') return this.#out(items as Items, time ?? IMMEDIATELY)
    if (verb === 'drain') return this.#drain()
    if (verb === 'finally') return this.#finally(items as Items, time ?? IMMEDIATELY)
    if (verb === 'quiet') return this.#quiet(Number(words[0]))
    if (verb === 'end') return this.#end()
    if (verb === 'connected' || verb === 'error') {
      await this.#calls.call(verb, words)
      this.#note(step.text)
      return this.#checkTime(world.now(), time ?? IMMEDIATELY, time !== undefined)
    }
    const planned = this.#before + (time?.[0] ?? 0) * NSEC_PER_MSEC
    if (time !== undefined) await world.sleepUntil(planned)
    if (!OBSERVING.has(verb)) {
      this.#before = world.now()
      this.longest = Math.max(this.longest, this.#before - planned)
    }
    this.#note(step.text)
    if (verb === 'icmp') return this.#icmp(words)
    if (items === undefined) return this.#calls.call(verb, words)
    for (const segment of this.#peer(items.peer).segments(items)) world.inject(segment)
  }

  /** Checks that nothing else was sent. */
  async #end(): Promise<void> {
    const sent = this.#sentAfterQuiet ?? (await this.#world.next(this.#world.now()))
    if (sent !== undefined) throw new Error(`there is one more segment: ${this.#describe(sent)}`)
  }

  async #out(items: Items, time: readonly [number, number]): Promise<void> {
    const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
    const segment = decode(sent.segment)
    const index = segment.destinationPort - PEER_PORTS
    const text = this.#describe(sent)
    const wrong = this.#peer(index).compare(segment, sent.segment, items)
    if (index !== items.peer) wrong.push(`it is for peer ${index}`)
    this.#note(`out ${text}`, sent.at)
    if (wrong.length > 0) throw new Error(wrong.join('; '))
    this.#checkTime(sent.at, time)
  }

  /** Skips acknowledgments until one of what `items` acknowledge. */
  async #finally(items: Items, time: readonly [number, number]): Promise<void> {
    for (;;) {
      const sent = await this.#next(this.#before + time[1] * NSEC_PER_MSEC)
      const segment = decode(sent.segment)
      const wrong = this.#peer(items.peer).compare(segment, sent.segment, items)
      this.#note(`out ${this.#describe(sent)}`, sent.at)
      if (wrong.length === 0) return this.#checkTime(sent.at, time)
      if (!wrong.some(text => text.startsWith('ack is')) || segment.data.length > 0) throw new Error(wrong.join('; '))
    }
  }

  #icmp([kind, ...words]: readonly string[]): void {
    const at = words.indexOf('seq')
    const error = { kind, mtu: Number(words[0]) } as IcmpError
    this.#world.injectError(error, this.#peer(1).latest(at < 0 ? undefined : Number(words[at + 1])))
  }

  /** Acknowledges what the host sends, until it sends nothing more. */
  async #drain(): Promise<void> {
    for (;;) {
      const sent = await this.#world.next(this.#world.now() + DRAINED)
      if (sent === undefined) return
      for (const segment of this.#peer(1).acknowledge(decode(sent.segment))) this.#world.inject(segment)
    }
  }

  async #quiet(milliseconds: number): Promise<void> {
    const end = this.#before + milliseconds * NSEC_PER_MSEC
    const sent = await this.#world.next(end)
    if (sent !== undefined && sent.at <= end) throw new Error(`the host has sent ${this.#describe(sent)}`)
    this.#sentAfterQuiet = sent
    this.#before = end
    this.#note('quiet', end)
  }

  /** Returns the next segment, or throws if none is sent until `latest`. */
  async #next(latest: number): Promise<Sent> {
    const sent = this.#sentAfterQuiet ?? (await this.#world.next(latest + this.#world.tolerance.late))
    this.#sentAfterQuiet = undefined
    if (sent === undefined) throw new Error('the host has sent nothing')
    return sent
  }

  #checkTime(at: number, [earliest, latest]: readonly [number, number], isStep = true): void {
    const { tolerance } = this.#world
    const elapsed = at - this.#before
    if (earliest > 0 && elapsed < earliest * NSEC_PER_MSEC - tolerance.early) {
      throw new Error(`too early, after ${elapsed / NSEC_PER_MSEC} ms`)
    }
    if (elapsed > latest * NSEC_PER_MSEC + tolerance.late) {
      throw new Error(`too late, after ${elapsed / NSEC_PER_MSEC} ms`)
    }
    if (isStep) this.#before = at
  }

  #peer(index: number): Peer {
    const known = this.#peers.get(index)
    if (known !== undefined) return known
    const peer = new Peer(index, this.#calls.port)
    this.#peers.set(index, peer)
    return peer
  }

  #describe({ segment }: Sent): string {
    const decoded = decode(segment)
    return this.#peer(decoded.destinationPort - PEER_PORTS).describe(decoded)
  }

  #note(text: string, at = this.#world.now()): void {
    this.log.push(`${((at - this.#start) / NSEC_PER_MSEC).toFixed(1).padStart(9)} ms  ${text}`)
  }
}
