/** LabLink: a cable between two namespaces of a lab, whose wire a test changes while it runs. */
import { EventEmitter, once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { attachmentsOf } from '../../control/client/wire-request.ts'
import type { WireAttachment } from '../../control/protocol/wire-attachment.ts'
import type { FaultAction, FaultWhen } from '../../wire/fault.ts'
import type { Direction } from '../../wire/wire.ts'
import type { Carrier } from './carrier.ts'
import type { EndReport, LinkReport, Words } from './protocol.ts'

/** A fault that a test set. */
export interface LabFault extends AsyncDisposable {
  /** Packets that it hit. */
  readonly hits: number
  /** Settles when it has hit `n` packets, one by default. Rejects if the link is closed before. */
  hit(n?: number): Promise<void>
  /** Takes it out. What it holds arrives. */
  remove(): Promise<void>
}

/** One direction of a link. */
export class LinkDirection {
  readonly #link: LabLink
  readonly #direction: Direction

  constructor(link: LabLink, direction: Direction) {
    this.#link = link
    this.#direction = direction
  }

  /** Replaces what the wire does in this direction, in words: `delay 20ms loss 1%`; '' for nothing. */
  async wire(words: string): Promise<void> {
    await this.#link.setWire(this.#direction, words)
  }

  /** Drops packets that `filter` matches (pcap-filter(7)): all, or those that `when` selects. */
  drop(filter?: string, when: FaultWhen = { every: 1 }): Promise<LabFault> {
    return this.fault('drop', filter, when)
  }

  /** Delays, duplicates, corrupts or resets packets likewise. Faults come before the wire. */
  fault(action: FaultAction, filter?: string, when: FaultWhen = { every: 1 }): Promise<LabFault> {
    return this.#link.addFault(this.#direction, action, filter, when)
  }
}

export class LabLink extends EventEmitter<{ up: []; down: []; wire: [Direction, string]; close: [] }> {
  /** From the first namespace to the second, and back. */
  readonly ab: LinkDirection
  readonly ba: LinkDirection
  readonly #carrier: Carrier
  readonly #id: number
  #isClosed = false

  /** @internal */
  constructor(carrier: Carrier, id: number) {
    super()
    this.#carrier = carrier
    this.#id = id
    this.ab = new LinkDirection(this, 'ab')
    this.ba = new LinkDirection(this, 'ba')
  }

  /** Replaces what the wire does in both directions; '' for nothing. What is in flight arrives. */
  async wire(words: string): Promise<void> {
    // Wrong words of one direction change neither.
    await this.#carrier.call('wire', this.#id, wordsOf(words, 'ab'), wordsOf(words, 'ba'))
    for (const direction of ['ab', 'ba'] as const) this.emit('wire', direction, words)
  }

  /** Cuts the cable: neither end has a carrier until `up`. */
  async down(): Promise<void> {
    await this.#carrier.call('carrier', this.#id, false)
    this.emit('down')
  }

  async up(): Promise<void> {
    await this.#carrier.call('carrier', this.#id, true)
    this.emit('up')
  }

  /** Drops every packet for `ms` milliseconds. The carrier stays, so neither end notices. */
  async partition(ms: number, signal?: AbortSignal): Promise<void> {
    const faults = await Promise.all([this.ab.drop(), this.ba.drop()])
    try {
      await sleep(ms, undefined, signal === undefined ? {} : { signal })
    } finally {
      if (!this.#isClosed) for (const fault of faults) await fault.remove()
    }
  }

  /** Returns the counters of both ends, and what each stage did. */
  stats(): Promise<LinkReport> {
    return this.#carrier.call('report', this.#id)
  }

  /** Throws an Error that names the reasons if the link has dropped frames since it was made. */
  async expectNoLoss(): Promise<void> {
    const { a, b } = await this.stats()
    const lost = [...dropsOf('a', a), ...dropsOf('b', b)]
    if (lost.length > 0) throw new Error(`frames were lost: ${lost.join(', ')}`)
  }

  /** Deletes both interfaces. Idempotent. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    await this.#carrier.call('close', this.#id)
    this.emit('close')
  }

  /** @internal */
  async setWire(direction: Direction, words: string): Promise<void> {
    const own = wordsOf(words, direction)
    const [ab, ba] = direction === 'ab' ? [own, undefined] : [undefined, own]
    await this.#carrier.call('wire', this.#id, ab, ba)
    this.emit('wire', direction, words)
  }

  /** @internal */
  async addFault(
    direction: Direction,
    action: FaultAction,
    filter: string | undefined,
    when: FaultWhen,
  ): Promise<LabFault> {
    const hits = new Int32Array(new SharedArrayBuffer(4))
    const compiled = filter === undefined ? undefined : filterOf(filter)
    const spec = { direction, action, filter: compiled, when, hits: hits.buffer as SharedArrayBuffer }
    const id = await this.#carrier.call('fault', this.#id, spec)
    const happened = new EventEmitter<{ hit: [] }>()
    this.#carrier.onHit(id, () => happened.emit('hit'))
    const remove = async () => {
      if (!this.#isClosed) await this.#carrier.call('removeFault', this.#id, id)
    }
    return {
      get hits() {
        return Atomics.load(hits, 0)
      },
      hit: async (n = 1) => {
        const ended = new AbortController()
        const closed = () => ended.abort(new Error(`the link was closed after ${Atomics.load(hits, 0)} of ${n} hits`))
        this.once('close', closed)
        try {
          while (Atomics.load(hits, 0) < n) {
            await once(happened, 'hit', { signal: ended.signal }).catch(error => {
              throw ended.signal.aborted ? ended.signal.reason : error
            })
          }
        } finally {
          this.removeListener('close', closed)
        }
      },
      remove,
      [Symbol.asyncDispose]: remove,
    }
  }
}

/** Reads and compiles what words refer to. Throws a UsageError if they are wrong. */
export function wordsOf(text: string, direction: Direction): Words {
  return { text, attachments: text === '' ? [] : attachmentsOf(text, direction) }
}

function filterOf(text: string): WireAttachment {
  const [attachment] = attachmentsOf(`match '${text}' (loss 0%)`, 'ab')
  return attachment as WireAttachment
}

function dropsOf(end: string, { drops }: EndReport): string[] {
  return Object.entries(drops).map(([reason, n]) => `${n} at ${end} (${reason})`)
}
