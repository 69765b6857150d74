/** LabLink: a cable between two hosts of a lab. A test changes its wire while it runs. */
import { EventEmitter } from 'node:events'
import { UsageError } from 'vnet'
import { schema } from 'vnet/kit/config'
import { BEFORE_VNET } from 'vnet/kit/netdev'
import { TIMELESS_VERBS } from 'vnet/kit/wire'
import type { Direction, FaultWhen } from 'vnet/wire'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { WatchedLink } from '../carrier/packet-watch.ts'
import type {
  ByteFaultAction,
  DirectionReport,
  EndReport,
  FaultSpec,
  LabFaultAction,
  LinkReport,
} from '../carrier/protocol.ts'
import {
  COUNT,
  checkForm,
  checkForms,
  checkNone,
  FLAG,
  type Form,
  type Forms,
} from '../model/options.ts'
import type { NatForward } from '../nat/nat-table.ts'
import type { WireDirections, WireSpec } from '../world/wire-spec.ts'
import { compiled, directionsOf, filtersOf, WIRE, WIRE_TEXT } from '../world/wire-spec.ts'
import { LabFault } from './fault.ts'
import { membersOf, promised } from './promised.ts'

const FAULT_MEMBERS = membersOf(LabFault)
/** The default of faults: every packet that matches. */
const EVERY: FaultWhen = { every: 1 }

const MILLISECONDS: Form = {
  accepts: value => typeof value === 'number' && value >= 0 && value < Number.POSITIVE_INFINITY,
  text: 'a number of milliseconds, such as 100',
}
export const FILTER: Form = {
  accepts: value => value === undefined || (typeof value === 'string' && value.trim() !== ''),
  text: "a filter, such as 'tcp port 80'; undefined matches every packet",
  schema: schema.anyText,
}
const TIME: Form = {
  accepts: value => typeof value === 'string' || (typeof value === 'number' && value >= 0),
  text: "a time, such as '50ms'",
  schema: schema.anyText,
}
/** The last three are at a byte only. */
const ACTIONS = [...TIMELESS_VERBS, 'fin', 'silence', 'mute'] as const
const BYTE: Form = {
  text: 'a whole number of at least 0, or -1 for the SYN',
  schema: schema.integer(-1, Number.MAX_SAFE_INTEGER),
}
export const ACTION: Form = {
  accepts: value =>
    typeof value === 'string' || (typeof value === 'object' && value !== null && 'delay' in value),
  text: `a fault: ${ACTIONS.map(verb => `'${verb}'`).join(', ')} or { delay: '50ms' }`,
  schema: schema.either(
    schema.oneOf(...ACTIONS),
    schema.object({ delay: schema.anyText }, 'delay'),
  ),
}
export const WHEN: Forms<FaultWhen> = {
  first: COUNT,
  nth: COUNT,
  every: COUNT,
  data: FLAG,
  after: TIME,
  byte: BYTE,
}

/**
 * Throws a UsageError for arguments of `fault` of a wrong form. The worker checks the filter
 * itself.
 */
export function checkFault(
  action: LabFaultAction,
  filter: string | undefined,
  when: FaultWhen,
): void {
  checkForm('fault', action, ACTION)
  if (typeof action === 'object') {
    checkForms('fault', action, { delay: TIME })
  }
  checkForm('fault', filter, FILTER)
  checkForms('fault', when, WHEN)
}

/** The events of a link, and the events of every EventEmitter. */
const EVENTS: readonly (string | symbol)[] = ['up', 'down', 'wire', 'close']
const OWN_EVENTS: readonly (string | symbol)[] = ['error', 'newListener', 'removeListener']

/** The packets that one cause has dropped, and a line for people. */
export type DropLine = Readonly<{ packets: number; text: string }>

/**
 * One direction of a link, `link.ab` or `link.ba`. Changes apply to packets that are sent after the
 * call; packets that were sent before pass the wire as it was.
 */
export class LinkDirection {
  readonly #link: LabLink
  readonly #direction: Direction

  /** @internal */
  constructor(link: LabLink, direction: Direction) {
    this.#link = link
    this.#direction = direction
  }

  /**
   * Replaces the impairments of this direction: `delay 20ms loss 1%`, '' for none. Packets in
   * flight arrive. Rejects with a UsageError for a wrong text, which changes nothing.
   */
  async wire(text: string): Promise<void> {
    checkForm(`${this.#direction}.wire`, text, WIRE_TEXT)
    await this.#link.change({ [this.#direction]: text })
  }

  /** Drops packets, like fault('drop', filter, when). */
  drop(filter?: string, when?: FaultWhen): Promise<LabFault> {
    return this.fault('drop', filter, when)
  }

  /** Drops every packet of this direction for `ms` milliseconds, like LabLink.partition. */
  async partition(ms: number): Promise<void> {
    checkForm(`${this.#direction}.partition(ms)`, ms, MILLISECONDS)
    await this.#link.partitionIn([this.#direction], ms)
  }

  /**
   * Applies `action` to the packets that `filter` (pcap-filter(7)) matches, or only to the matches
   * that `when` selects: `{ first: 3 }`, `{ nth: 2 }`, `{ every: 10 }`, `{ after: '2s' }`, and
   * `{ nth: 2, data: true }` among TCP packets with payload. With `{ byte: 9805 }` a `'fin'`,
   * `'reset'`, `'mute'` or `'silence'` hits TCP connections at this byte of the payload of the
   * direction; connections are counted from their SYN on. Counts start when the promise is
   * fulfilled. Faults run before the stages of the wire, the oldest first. Rejects with a
   * UsageError for a wrong filter.
   */
  fault(action: LabFaultAction, filter?: string, when: FaultWhen = EVERY): Promise<LabFault> {
    const add = async () => {
      checkFault(action, filter, when)
      return this.#link.addFault(this.#direction, action, filter, when)
    }
    return promised(
      add(),
      `link.${this.#direction}.${action === 'drop' ? 'drop' : 'fault'}()`,
      FAULT_MEMBERS,
    )
  }
}

/** The events of a link, one for each change. */
export interface LinkEvents {
  /** The cable was plugged in again, or cut. */
  up: []
  down: []
  /** The text of a direction was replaced. */
  wire: [direction: Direction, text: string]
  close: []
}

/** The part of its lab that a link needs. */
export interface LinkLab {
  /** The names of its ends: `client-server`. */
  readonly name: string
  /** The names of a and b, for messages. */
  readonly ends: readonly [string, string]
  /** The faults of all links of the lab that were not removed. */
  readonly faults: Set<LabFault>
  /** Returns its own seed in a lab with this seed. */
  seedOf(seed: number): number
  onClose(): void
  /** Called when it has a carrier again. */
  onUp?(): void
}

/**
 * A cable between two hosts, as `lab.cable` returns it, or a port of a segment (`lan.portOf`).
 * Changes take effect in the order in which they are called, each after the packets that were sent
 * before it. The lab closes the link, unless a test does.
 */
export class LabLink extends EventEmitter<LinkEvents> implements AsyncDisposable {
  /** From the first host to the second. */
  readonly ab: LinkDirection
  /** From the second host to the first. */
  readonly ba: LinkDirection
  readonly #worker: LinkCaller
  readonly #id: number
  readonly #lab: LinkLab
  /** The calls of offline that have cut the cable and not plugged it in. */
  readonly #offline = new Set<object>()
  /** True from down() to up(). */
  #isDown = false
  #closed: Promise<void> | undefined

  /** @internal */
  constructor(worker: LinkCaller, id: number, lab: LinkLab) {
    super()
    this.#worker = worker
    this.#id = id
    this.#lab = lab
    EventEmitter.prototype.on.call(this, 'newListener', checkEvent)
    this.ab = new LinkDirection(this, 'ab')
    this.ba = new LinkDirection(this, 'ba')
  }

  /**
   * Replaces the impairments: `delay 20ms loss 1%` in both directions, '' for none, or `{ ab, ba }`
   * with one direction or both. Packets in flight arrive. Rejects with a UsageError for wrong
   * text, which changes nothing.
   */
  async wire(text: WireSpec): Promise<void> {
    checkForm('wire', text, WIRE)
    await this.change(directionsOf(text))
  }

  /** Cuts the cable: neither end has a carrier until `up`. */
  async down(...none: readonly never[]): Promise<void> {
    checkNone('down', none)
    this.#isDown = true
    await this.#cut()
  }

  /** Plugs the cable in again, even during offline(). Packets pass when it settles. */
  async up(...none: readonly never[]): Promise<void> {
    checkNone('up', none)
    this.#isDown = false
    this.#offline.clear()
    await this.#worker.call('carrier', this.#id, true)
    if (this.#closed === undefined) {
      this.#lab.onUp?.()
    }
    this.emit('up')
  }

  /**
   * Cuts the cable for `ms` milliseconds, then settles. Both ends notice, unlike in a partition.
   * After overlapping calls, the cable is plugged in when the last one ends; after down(), only by
   * up(). Settles immediately when the link is closed.
   */
  async offline(ms: number): Promise<void> {
    checkForm('offline(ms)', ms, MILLISECONDS)
    const isCut = this.#isDown || this.#offline.size > 0
    const own = {}
    this.#offline.add(own)
    try {
      if (!isCut) {
        await this.#cut()
      }
      await this.#worker.call('sleep', this.#id, ms)
      const isLast = this.#offline.delete(own) && this.#offline.size === 0
      if (isLast && !this.#isDown) {
        await this.up()
      }
    } catch (error) {
      if (this.#closed === undefined) throw error
    }
  }

  /**
   * Drops every packet of both directions for `ms` milliseconds, then settles. The carrier remains
   * up, so neither end notices. The partition ends on time even if the test blocks its thread. It
   * is in effect when a later call of this link settles, such as `stats()`.
   */
  async partition(ms: number): Promise<void> {
    checkForm('partition(ms)', ms, MILLISECONDS)
    await this.partitionIn(['ab', 'ba'], ms)
  }

  /** @internal */
  partitionIn(directions: readonly Direction[], ms: number): Promise<void> {
    return this.#worker.call('partition', this.#id, ms, directions)
  }

  /** Returns the counters of both ends, and of each fault and stage. */
  stats(): Promise<LinkReport> {
    return this.#worker.call('report', this.#id)
  }

  /**
   * Returns by how many milliseconds at most packets have left the current wires too late, for lack
   * of CPU time. A test adds it to an upper bound of a time: a busy machine then fails no test.
   */
  async lateness(): Promise<Readonly<Record<Direction, number>>> {
    const { ab, ba } = await this.stats()
    return { ab: latenessOf(ab), ba: latenessOf(ba) }
  }

  /** Throws an Error with the reasons if the link has dropped a frame since it was made. */
  async expectNoLoss(): Promise<void> {
    const { a, b } = await this.stats()
    const [nameOfA, nameOfB] = this.#lab.ends
    const lost = [...dropsOf(nameOfA, a), ...dropsOf(nameOfB, b)]
    if (lost.length > 0) throw new Error(`frames were lost: ${lost.join(', ')}`)
  }

  /** @internal Returns the drops on the link, by reason. */
  async dropLines(): Promise<DropLine[]> {
    const report = await this.stats()
    const { name } = this.#lab
    const ofStages = (['ab', 'ba'] as const).flatMap(direction => {
      const { stages, former } = report[direction]
      const lost = [...stages, ...former].filter(({ dropped }) => dropped > 0)
      return lost.map(({ dropped, text, path }) => ({
        packets: dropped,
        text: `${name} ${direction}: ${dropped} by ${path}${text}`,
      }))
    })
    // Counters of the wire are the stages' own.
    const ofEnds = (['a', 'b'] as const).flatMap((end, i) => {
      const others = Object.entries(report[end].drops).filter(
        ([reason]) => !reason.startsWith('WIRE_'),
      )
      const { beforeVnet } = report[end]
      const at = `${name} at ${this.#lab.ends[i]}:`
      return [
        ...others.map(([reason, packets]) => ({ packets, text: `${at} ${packets} by ${reason}` })),
        ...(beforeVnet === 0
          ? []
          : [{ packets: beforeVnet, text: `${at} ${beforeVnet} ${BEFORE_VNET}` }]),
      ]
    })
    return [...ofStages, ...ofEnds]
  }

  /** Deletes both interfaces. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  /** @internal Its name in the lab: `client-server`. */
  get name(): string {
    return this.#lab.name
  }

  /** @internal Returns its packets, if the lab is watched. */
  watched(): Promise<WatchedLink | undefined> {
    return this.#worker.call('watched', this.#id)
  }

  /**
   * @internal Makes it as if it were new and plugged in, with these wires, in a lab with this seed.
   */
  async reset(wire: WireSpec, seed: number): Promise<void> {
    const { ab = '', ba = '' } = directionsOf(wire)
    const filters = filtersOf({ ab, ba }, this.#worker)
    await this.#worker.call(
      'reset',
      this.#id,
      this.#lab.seedOf(seed),
      ab,
      ba,
      filters && (await filters),
    )
    if (this.#isDown || this.#offline.size > 0) {
      await this.up()
    }
  }

  /** @internal Starts to record it in a file. Returns a function that ends that. */
  async capture(path: string): Promise<() => Promise<void>> {
    const capture = await this.#worker.call('capture', this.#id, path)
    return () => this.#worker.call('endCapture', this.#id, capture)
  }

  /** @internal The time of the lab stands still during `rebindAtFault`. */
  rebind(call: 'rebind' | 'rebindAtFault'): Promise<void> {
    return this.#worker.call(call, this.#id)
  }

  /** @internal */
  forward(forward: NatForward): Promise<void> {
    return this.#worker.call('forward', this.#id, forward)
  }

  /** @internal */
  async change(text: WireDirections): Promise<void> {
    const filters = filtersOf(text, this.#worker)
    await this.#worker.call('wire', this.#id, text.ab, text.ba, filters && (await filters))
    for (const direction of ['ab', 'ba'] as const) {
      const changed = text[direction]
      if (changed !== undefined) {
        this.emit('wire', direction, changed)
      }
    }
  }

  /** @internal Counts the packets of a direction that `filter` matches. Each is a hit. */
  count(direction: Direction, filter?: string): Promise<LabFault> {
    return this.addFault(direction, 'pass', filter, EVERY)
  }

  /**
   * @internal Adds a fault at a byte of one connection, by the number of its SYN from now on.
   * Segments of connections that are older are dropped meanwhile.
   */
  addConnectionFault(
    direction: Direction,
    action: ByteFaultAction,
    byte: number,
    connection: number,
  ): Promise<LabFault> {
    return this.addFault(direction, action, undefined, { byte }, connection)
  }

  /** @internal */
  async addFault(
    direction: Direction,
    action: FaultSpec['action'],
    filter: string | undefined,
    when: FaultWhen,
    connection?: number,
  ): Promise<LabFault> {
    const filters = filter === undefined ? undefined : await compiled([filter])
    const hits = new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
    const call = connection === undefined ? 'fault' : 'connectionFault'
    const id = await this.#worker.call(call, this.#id, {
      direction,
      action,
      filter,
      filters,
      when,
      connection,
      hits,
    })
    const text = `${faultText(action, filter, when)} on ${this.name}, ${direction}`
    const fault: LabFault = new LabFault(hits, text, {
      hit: (n = 1) => this.#worker.call('hit', this.#id, id, n),
      remove: async () => {
        this.#lab.faults.delete(fault)
        if (this.#closed === undefined) {
          await this.#worker.call('removeFault', this.#id, id)
        }
      },
    })
    // Others only count.
    if (action !== 'pass') {
      this.#lab.faults.add(fault)
    }
    return fault
  }

  async #cut(): Promise<void> {
    await this.#worker.call('carrier', this.#id, false)
    this.emit('down')
  }

  async #close(): Promise<void> {
    this.#lab.onClose()
    await this.#worker.call('close', this.#id)
    this.emit('close')
  }
}

/** Throws a UsageError for an event that no link has: its listener would never be called. */
function checkEvent(event: string | symbol): void {
  if (EVENTS.includes(event) || OWN_EVENTS.includes(event)) return
  throw new UsageError(`a link has no event '${String(event)}', but ${EVENTS.join(', ')}`)
}

/** A packet may have been late in each stage. */
function latenessOf({ stages }: DirectionReport): number {
  return stages.reduce((sum, { late }) => sum + (late?.counts.at(-1)?.[0] ?? 0), 0)
}

function dropsOf(end: string, { drops, beforeVnet }: EndReport): string[] {
  const all = [
    ...Object.entries(drops),
    ...(beforeVnet === 0 ? [] : [[BEFORE_VNET, beforeVnet] as const]),
  ]
  return all.map(([reason, n]) => `${n} at ${end} (${reason})`)
}

/** Returns a fault as people write it: `drop "tcp port 80" nth 1`. */
function faultText(
  action: FaultSpec['action'],
  filter: string | undefined,
  when: FaultWhen,
): string {
  const verb = typeof action === 'string' ? action : `delay ${action.delay}`
  const given = Object.entries(when).filter(
    ([name, value]) => value !== undefined && value !== false && !(name === 'every' && value === 1),
  )
  const words = given.map(([name, value]) => (value === true ? name : `${name} ${value}`))
  return [verb, ...(filter === undefined ? [] : [`"${filter}"`]), ...words].join(' ')
}
