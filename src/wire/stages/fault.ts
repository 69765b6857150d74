/**
 * Faults hit exactly the packets that a test means. The packets that a filter matches are counted,
 * and the count selects: `drop(filter, { nth: 3 })` drops the third.
 */
import { durationOf, formatDuration, UsageError } from '../../base/index.ts'
import { tcpPayloadLength, UpperHeader } from '../../packet/upper-header.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type Cursor, whole } from '../grammar/cursor.ts'
import type { StageKind } from '../grammar/groups.ts'
import { join, quoted } from '../units.ts'
import {
  type Impairment,
  impairment,
  isSameFilter,
  StageWire,
  type Wire,
  type WireFilter,
} from '../wire.ts'
import { FaultActions } from './fault-actions.ts'
import { BYTE_MAX, type FaultVerb, TIMELESS_VERBS } from './fault-verbs.ts'
import {
  byteProblem,
  isStreamVerb,
  STREAM_VERBS,
  type StreamFault,
  type StreamVerb,
  streamFault,
  streamFaultPair,
} from './stream-fault.ts'

/**
 * Which of the matching packets are hit: the first N, the Nth or every Nth, of those with TCP
 * payload if `data` is true, repetitions included. With `after` (in ms, or '2s') packets count from
 * that time on; time 0 is the first packet of all, whether it matches or not.
 *
 * With `byte` a `fin`, `reset` or `mute` hits TCP connections at this byte of their streams, each
 * once: 0 is the first byte of payload, -1 the SYN. The connections that reach it are counted.
 */
export interface FaultWhen {
  readonly first?: number
  readonly nth?: number
  readonly every?: number
  readonly data?: boolean
  readonly after?: number | string
  readonly byte?: number
}

/**
 * `delay` (in ms, or '50ms') lets later packets overtake, `swap` only the next one; `corrupt`
 * flips one bit, `tamper` one of the payload and corrects the checksum; `ce` marks packets that are
 * capable of ECN. `fin` and `mute` need a byte: a FIN takes its place, or it and all later frames
 * of the direction are dropped.
 */
export type FaultAction =
  | Exclude<FaultVerb, 'delay'>
  | StreamVerb
  | { readonly delay: number | string }

interface FaultSpec {
  readonly action: FaultVerb | StreamVerb
  /** The time of a delay in ns. */
  readonly time?: number
  /** Empty for all packets. */
  readonly filter: string
  readonly when: When
}

/**
 * At most one of first, nth and every. `data` and `after`, in ns, or `byte`, alone or with one of
 * them.
 */
type When = Omit<FaultWhen, 'after'> & { readonly after?: number }

/** A fault's parameters; conditions that are not given are 0 or false. */
interface FaultParams extends Required<Omit<When, 'byte'>> {
  readonly action: FaultVerb
  readonly time: number
  readonly filter: WireFilter | undefined
  readonly onHit: (() => void) | undefined
}

const ACTIONS: ReadonlySet<string> = new Set(TIMELESS_VERBS)
/** The words with which no other stage starts. */
const WORDS = ['drop', 'swap', 'tamper', 'ce', 'reset', 'fin', 'mute'] as const

class FaultWire extends StageWire<FaultParams> implements Wire {
  #began = Number.NaN
  #matched = 0
  readonly #actions = new FaultActions(this.next, this.env)
  readonly #upper = new UpperHeader()

  push(skb: SkBuff): void {
    const { action, filter } = this.params
    const now = this.env.clock.now()
    if (Number.isNaN(this.#began)) {
      this.#began = now
    }
    const isEarly = now - this.#began < this.params.after
    const matches = !isEarly && (filter === undefined || filter(skb.bytes, skb.data, skb.len))
    if (!matches || !this.#isHit(skb)) {
      this.#actions.pass(skb)
      return
    }
    this.params.onHit?.()
    this.#actions.apply(action, skb, this.params.time)
  }

  protected override accepts(params: object): boolean {
    return 'action' in params && !('byte' in params)
  }

  /** Starts to count from 0 if a parameter changed. */
  protected override update(params: FaultParams): void {
    const before = this.params
    super.update(params)
    if (!isSame(before, params)) {
      this.#matched = 0
      this.#began = Number.NaN
    }
  }

  close(): void {
    this.#actions.close()
  }

  #isHit(skb: SkBuff): boolean {
    const { action, first, nth, every, data } = this.params
    // Packets to which the action does not apply are not counted.
    if (!this.#actions.applies(action, skb)) return false
    if (data && tcpPayloadLength(skb.bytes, skb.data, skb.len, this.#upper) === 0) return false
    const n = ++this.#matched
    if (first !== 0) return n <= first
    if (nth !== 0) return n === nth
    return n % every === 0
  }
}

const COUNTS = ['first', 'nth', 'every'] as const
const CONDITIONS: readonly string[] = [...COUNTS, 'data', 'after', 'byte']
const count = whole('a count')
const place = whole('a byte', -1, BYTE_MAX)

export const faultKind: StageKind<FaultSpec> = {
  kind: 'fault',
  keywords: WORDS,
  repeats: true,
  starts(c, keywords) {
    if (WORDS.some(word => c.is(word))) return true
    if (c.is('duplicate') || c.is('corrupt')) return selects(c, 1, keywords)
    return c.is('delay') && selects(c, 2, keywords)
  },
  read(c) {
    const action = c.last.text as FaultSpec['action']
    const verb = c.last
    const time = action === 'delay' && { time: c.duration('delay needs a time: delay 20ms') }
    if (c.atNumber && action === 'drop') {
      throw c.error(
        'drop needs a filter and first, nth, every, data or after; at random it is loss 1%',
      )
    }
    const token = c.peek()
    const isFiltered = token !== undefined && (token.quoted || !CONDITIONS.includes(token.text))
    const filter = isFiltered ? c.filter(CONDITIONS) : ''
    const when = readWhen(c, action)
    const problem = byteProblem(action, when)
    if (problem !== undefined) throw c.error(problem, verb)
    return { action, ...time, filter, when }
  },
  filters: ({ filter }) => (filter === '' ? [] : [filter]),
  copies: ({ action }) => (action === 'duplicate' ? 2 : 1),
  print({ action, time, filter, when }) {
    return join([
      action,
      time !== undefined && formatDuration(time),
      filter !== '' && quoted(filter),
      when.byte !== undefined && `byte ${when.byte}`,
      ...COUNTS.map(key => when[key] !== undefined && `${key} ${when[key]}`),
      when.data && 'data',
      when.after !== undefined && `after ${formatDuration(when.after)}`,
    ])
  },
  build(spec, { text, resources }) {
    return make(
      spec,
      spec.filter === '' ? undefined : resources.filter(spec.filter),
      undefined,
      text,
    )
  },
}

/** Whether a fault's filter, in quotes or no keyword, and condition start `ahead` tokens on. */
function selects(c: Cursor, ahead: number, keywords: ReadonlySet<string>): boolean {
  const token = c.peek(ahead)
  if (token === undefined) return false
  if (token.quoted || CONDITIONS.includes(token.text)) return true
  const condition = c.peek(ahead + 1)
  return condition !== undefined && CONDITIONS.includes(condition.text) && !keywords.has(token.text)
}

function readWhen(c: Cursor, action: string): When {
  let when: When = {}
  for (
    let word = c.peek();
    word !== undefined && CONDITIONS.includes(word.text) && !word.quoted;
    word = c.peek()
  ) {
    const name = word.text as keyof When
    c.next()
    const counted = COUNTS.find(other => when[other] !== undefined)
    if (when[name] !== undefined) throw c.error(`${name} is given twice`, word)
    if (isCount(name) && counted !== undefined) {
      throw c.error(`a fault has either ${counted} or ${name}`, word)
    }
    when = { ...when, [name]: valueAfter(c, name) }
  }
  if (Object.keys(when).length > 0) return when
  throw c.error(
    byteProblem(action, when) ??
      `${action} needs first N, nth N, every N, data or after T: every 1 for all packets`,
  )
}

const isCount = (name: string): boolean => COUNTS.some(each => each === name)

/** Reads what follows the word of a condition. */
function valueAfter(c: Cursor, name: keyof When): number | true {
  if (name === 'data') return true
  if (name === 'byte') return c.value('byte needs a number: byte 9805', place)
  if (name === 'after') return c.duration('after needs a time: after 2s')
  return c.value(`${name} needs a number: ${name} 3`, count)
}

function make(
  spec: FaultSpec,
  filter: WireFilter | undefined,
  onHit: (() => void) | undefined,
  text: string,
): Impairment {
  const { action, time = 0, when } = spec
  const { data = false, after = 0 } = when
  if (when.byte !== undefined || !isPacketVerb(action)) {
    return streamFault(streamParams(spec, filter, onHit), text)
  }
  const params: FaultParams = { action, time, filter, ...countsOf(when), data, after, onHit }
  return impairment('fault', params, (p, next, env) => new FaultWire(p, next, env), { text })
}

const isPacketVerb = (action: string): action is FaultVerb =>
  action === 'delay' || ACTIONS.has(action)

/** Returns all three counts: without one, every 1. */
function countsOf({ first = 0, nth = 0, every }: When) {
  return { first, nth, every: every ?? (first === 0 && nth === 0 ? 1 : 0) }
}

function streamParams(
  { action, when }: Readonly<{ action: string; when: When }>,
  filter: WireFilter | undefined,
  onHit: (() => void) | undefined,
): StreamFault {
  const { byte = -1 } = when
  return { action: action as StreamFault['action'], byte, filter, ...countsOf(when), onHit }
}

/**
 * Returns an impairment that does `action` to the packets that `filter` matches (undefined: all)
 * and `when` selects. A reset drops a TCP segment and resets the connection at both ends. Throws a
 * UsageError. `onHit` is called at each hit, before the packet is touched.
 */
export function fault(
  action: FaultAction,
  filter: WireFilter | undefined,
  when: FaultWhen,
  onHit?: () => void,
): Impairment {
  const isKnown =
    typeof action === 'string'
      ? ACTIONS.has(action) || isStreamVerb(action)
      : action?.delay !== undefined
  if (!isKnown) {
    const known = new Set([...ACTIONS, ...STREAM_VERBS])
    throw new UsageError(
      `a fault is one of ${[...known].join(', ')} or { delay }, not ${JSON.stringify(action)}`,
    )
  }
  const spec: FaultSpec = {
    ...(typeof action === 'string'
      ? { action }
      : { action: 'delay', time: durationOf(action.delay) }),
    filter: textOfFilter(filter),
    when: whenOf(typeof action === 'string' ? action : 'delay', when),
  }
  return make(spec, filter, onHit, faultKind.print(spec))
}

/**
 * Returns the stages of a fault at a byte, `when.byte`, for both directions of a link. The first
 * one is for the direction of the byte. The second one drops the frames of ended connections, is
 * silent after a `silence`, and lets a reset follow the bytes before it once the receiver has
 * acknowledged them. They share their state, so they belong to one link. `onHit` is called at each
 * hit. Throws a UsageError, for example if `when` has no byte.
 */
export function faultPair(
  action: StreamFault['action'],
  filter: WireFilter | undefined,
  when: FaultWhen,
  onHit?: () => void,
): readonly [forward: Impairment, backward: Impairment] {
  const spec = { action, filter: textOfFilter(filter), when: whenOf(action, when) }
  // A silence has no words of a wire, but is printed like others.
  const text = faultKind.print(spec as FaultSpec)
  return streamFaultPair(streamParams(spec, filter, onHit), text)
}

const textOfFilter = (filter: WireFilter | undefined): string =>
  filter === undefined ? '' : (filter.text ?? 'a function')

/** Throws a UsageError for conditions that a fault cannot have, or without any. */
function whenOf(action: string, when: FaultWhen): When {
  const unknown = Object.keys(when).find(key => !CONDITIONS.includes(key))
  if (unknown !== undefined) {
    throw new UsageError(`a fault has no '${unknown}', but ${CONDITIONS.join(', ')}`)
  }
  const problem = byteProblem(action, when)
  if (problem !== undefined) throw new UsageError(problem)
  const counts = [when.first, when.nth, when.every].filter(n => n !== undefined)
  if (counts.length > 1) throw new UsageError('a fault has one of first, nth and every')
  if (counts.some(n => !(Number.isInteger(n) && n > 0))) {
    throw new UsageError('first, nth and every are whole numbers of at least 1')
  }
  if (when.data !== undefined && typeof when.data !== 'boolean') {
    throw new UsageError('data is true or false')
  }
  if (Object.values(when).every(value => value === undefined)) {
    throw new UsageError('a fault needs first, nth, every, data, after or byte')
  }
  const { after, data, byte: _, ...counted } = when
  const isEvery = data === false && after === undefined && counts.length === 0
  return {
    ...(isEvery && when.byte === undefined ? { every: 1 } : counted),
    ...(data === true && { data }),
    ...(after !== undefined && { after: durationOf(after) }),
    ...(when.byte !== undefined && { byte: when.byte }),
  }
}

/** Returns an impairment that drops the packets that `filter` matches and `when` selects. */
export function drop(filter: WireFilter | undefined, when: FaultWhen): Impairment {
  return fault('drop', filter, when)
}

function isSame(a: FaultParams, b: FaultParams): boolean {
  return (
    isSameFilter(a.filter, b.filter) &&
    (Object.keys(a) as (keyof FaultParams)[]).every(
      key => key === 'filter' || key === 'onHit' || a[key] === b[key],
    )
  )
}
