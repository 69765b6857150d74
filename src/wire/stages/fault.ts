/**
 * Faults hit exactly the packets that a test means. The packets that a filter matches are counted,
 * and the count selects: `drop(filter, { nth: 3 })` drops the third.
 */
import type { Alarm } from '../../base/clock.ts'
import { UsageError } from '../../base/usage-error.ts'
import { SKB_DROP_REASON_QDISC_OVERLIMIT } from '../../skb/drop-reason.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import { HeldPackets } from '../held.ts'
import { print } from '../spec/print.ts'
import { durationOf } from '../units.ts'
import { type Impairment, impairment, type Limit, type Wire, type WireEnv } from '../wire.ts'
import { flipBit } from './corrupt.ts'
import type { WireFilter } from './match.ts'
import { sendResets, tcpHeaderOf } from './tcp-reset.ts'

/**
 * Which of the matching packets are hit: the first N, the Nth or every Nth. With `after` ('2s', or
 * ns) packets count from that time on; time 0 is the first packet of all, whether it matches or
 * not.
 */
export interface FaultWhen {
  readonly first?: number
  readonly nth?: number
  readonly every?: number
  readonly after?: number | string
}

/** `delay` lets later packets overtake; `corrupt` flips one bit. */
export type FaultAction = 'drop' | 'duplicate' | 'corrupt' | 'reset' | { readonly delay: number | string }

interface FaultParams {
  readonly action: 'drop' | 'duplicate' | 'corrupt' | 'reset' | 'delay'
  /** ns, of a delay */
  readonly time: number
  readonly filter: WireFilter | undefined
  readonly first: number
  readonly nth: number
  readonly every: number
  /** ns */
  readonly after: number
  /** Called at each hit. */
  readonly onHit: (() => void) | undefined
}

const ACTIONS: ReadonlySet<string> = new Set(['drop', 'duplicate', 'corrupt', 'reset'])
const WHEN: ReadonlySet<string> = new Set(['first', 'nth', 'every', 'after'])

/** The most packets that are delayed at once: as many as other stages hold by default. */
const LIMIT = { packets: 1000 }

class FaultWire implements Wire {
  #params: FaultParams
  /** When the first packet came; NaN before. */
  #began = Number.NaN
  /** Packets that matched. */
  #matched = 0
  readonly #next: Wire
  readonly #env: WireEnv
  readonly #held = new HeldPackets()
  /** Set for a delay; other faults hold nothing. */
  #limit: Limit | undefined
  readonly #alarm: Alarm

  constructor(params: FaultParams, next: Wire, env: WireEnv) {
    this.#params = params
    this.#next = next
    this.#env = env
    if (params.action === 'delay') this.#limit = env.limit(LIMIT)
    this.#alarm = env.clock.alarm(() => this.#release())
  }

  push(skb: SkBuff): void {
    const { action, filter } = this.#params
    const now = this.#env.clock.now()
    if (Number.isNaN(this.#began)) this.#began = now
    if (now - this.#began < this.#params.after || filter?.(skb.bytes, skb.data, skb.len) === false) {
      this.#next.push(skb)
      return
    }
    // Only a TCP segment can be reset; nothing else is counted.
    const header = action === 'reset' ? tcpHeaderOf(skb) : 0
    if (header >= 0 && this.#isHit()) this.#hit(skb, header)
    else this.#next.push(skb)
  }

  /** Starts to count from 0 if a parameter changed. */
  change(params: unknown): boolean {
    const before = this.#params
    this.#params = params as FaultParams
    if (this.#params.action === 'delay') this.#limit ??= this.#env.limit(LIMIT)
    if (!isSame(before, this.#params)) {
      this.#matched = 0
      this.#began = Number.NaN
    }
    return true
  }

  close(): void {
    for (let skb = this.#held.shift(); skb !== undefined; skb = this.#held.shift()) {
      this.#limit?.remove(skb)
      this.#env.drop(skb, 'closed')
    }
  }

  #isHit(): boolean {
    const { first, nth, every } = this.#params
    const n = ++this.#matched
    if (first !== 0) return n <= first
    if (nth !== 0) return n === nth
    return n % every === 0
  }

  #hit(skb: SkBuff, header: number): void {
    const env = this.#env
    this.#params.onHit?.()
    switch (this.#params.action) {
      case 'drop':
        env.drop(skb, 'drop')
        break
      case 'duplicate': {
        const copy = env.duplicate(skb)
        this.#next.push(skb)
        if (copy !== undefined) this.#next.push(copy)
        break
      }
      case 'corrupt': {
        const bit = flipBit(skb, env.random.next())
        if (bit >= 0) env.note('corrupt', skb, bit)
        this.#next.push(skb)
        break
      }
      case 'reset':
        sendResets(skb, header, env)
        env.drop(skb, 'reset')
        break
      case 'delay':
        this.#delay(skb, this.#params.time)
    }
  }

  #delay(skb: SkBuff, time: number): void {
    const env = this.#env
    if (this.#limit?.admits(skb) === false) {
      env.drop(skb, 'limit', SKB_DROP_REASON_QDISC_OVERLIMIT)
      return
    }
    if (!env.hold(skb)) return
    env.decided('delay', skb, time)
    this.#limit?.add(skb)
    this.#held.add(skb, env.clock.now() + time)
    this.#alarm.at(this.#held.first)
  }

  #release(): void {
    const now = this.#env.clock.now()
    try {
      while (this.#held.first <= now) {
        const skb = this.#held.shift() as SkBuff
        this.#limit?.remove(skb)
        this.#next.push(skb)
      }
    } finally {
      if (this.#held.length !== 0) this.#alarm.at(this.#held.first)
    }
  }
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
  if (typeof action === 'string' ? !ACTIONS.has(action) : action?.delay === undefined) {
    throw new UsageError(`a fault is one of ${[...ACTIONS].join(', ')} or { delay }, not ${JSON.stringify(action)}`)
  }
  const unknown = Object.keys(when).find(key => !WHEN.has(key))
  if (unknown !== undefined) throw new UsageError(`a fault has no '${unknown}', but ${[...WHEN].join(', ')}`)
  const { first = 0, nth = 0, every = 0, after = 0 } = when
  const counts = [when.first, when.nth, when.every].filter(n => n !== undefined)
  if (counts.length > 1) throw new UsageError('a fault has one of first, nth and every')
  if (counts.some(n => !(Number.isInteger(n) && n > 0))) {
    throw new UsageError('first, nth and every are whole numbers of at least 1')
  }
  if (Object.values(when).every(value => value === undefined)) {
    throw new UsageError('a fault needs first, nth, every or after')
  }
  const params: FaultParams = {
    ...(typeof action === 'string' ? { action, time: 0 } : { action: 'delay', time: durationOf(action.delay) }),
    ...{ filter, first, nth, every: counts.length === 0 ? 1 : every, after: durationOf(after), onHit },
  }
  return impairment('fault', params, (p, next, env) => new FaultWire(p, next, env), { words: wordsOf(params, when) })
}

/** Returns an impairment that drops the packets that `filter` matches and `when` selects. */
export function drop(filter: WireFilter | undefined, when: FaultWhen): Impairment {
  return fault('drop', filter, when)
}

function isSame(a: FaultParams, b: FaultParams): boolean {
  const isSameFilter = a.filter === b.filter || (a.filter?.text !== undefined && a.filter.text === b.filter?.text)
  return (
    isSameFilter &&
    (Object.keys(a) as (keyof FaultParams)[]).every(key => key === 'filter' || key === 'onHit' || a[key] === b[key])
  )
}

function wordsOf({ action, time, filter, after }: FaultParams, { after: asked, ...count }: FaultWhen): string {
  return print({
    ...{ kind: 'fault', action, ...(action === 'delay' && { time }) },
    filter: filter === undefined ? '' : (filter.text ?? 'a function'),
    when: { ...count, ...(asked !== undefined && { after }) },
  })
}
