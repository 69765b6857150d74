/** Histories of one register for tests, and a check of them that tries every order. */
import { expect } from 'vitest'
import { type Random, random } from '#src/base/random.ts'
import { History, linearizable, type Operation } from '../../src/history/index.ts'

/**
 * The start of a client's operation, with its name and value, or its end, with its result. Each
 * takes place 1 ms after the event before.
 */
export type Event =
  | readonly [client: string, name: 'read' | 'write' | 'cas', value?: unknown]
  | readonly [client: string, end: 'ok' | 'fail' | 'info', result?: unknown]

export function historyOf(events: readonly Event[]): History {
  const clock = { now: 0 }
  const history = new History(clock)
  const open = new Map<string, Operation>()
  for (const [client, name, value] of events) {
    if (name === 'ok' || name === 'fail' || name === 'info') {
      history[name](open.get(client) as Operation, value)
    } else {
      open.set(client, history.invoke(name, value, { process: client, key: 'x' }))
    }
    clock.now++
  }
  return history
}

/** Returns the reason why a history is not linearizable; undefined if it is. */
export function reasonOf(
  history: Iterable<Operation>,
  options?: Parameters<typeof linearizable>[1],
): string | undefined {
  try {
    linearizable(history, options)
  } catch (error) {
    return (error as Error).message
  }
}

/** Returns the value of a register after an operation; undefined if it cannot come at `value`. */
function after(
  { name, value, result, outcome }: Operation,
  now: unknown,
): { readonly value: unknown } | undefined {
  if (name === 'write') return { value }
  if (name === 'read') return outcome === 'info' || result === now ? { value: now } : undefined
  const [from, to] = value as [unknown, unknown]
  if (result === false) return now === from ? undefined : { value: now }
  if (outcome === 'info') return { value: now === from ? to : now }
  return now === from ? { value: to } : undefined
}

/** Same as linearizable, by each order of each set of unknown operations. For few operations. */
export function isLinearizable(
  operations: readonly Operation[],
  value: unknown = undefined,
): boolean {
  const left = operations.filter(({ outcome }) => outcome !== 'fail')
  if (left.every(({ outcome }) => outcome === 'info')) return true
  return left.some(next => {
    const others = left.filter(each => each !== next)
    const now = others.some(({ to }) => to < next.from) ? undefined : after(next, value)
    return now !== undefined && isLinearizable(others, now.value)
  })
}

/**
 * Returns the events of some clients. `honesty` is the share of results that a register would
 * return; others are random. `known` is the share of outcomes that clients know.
 */
export function randomEvents(
  { next, below }: Random,
  clients: number,
  count: number,
  honesty: number,
  { values = 4, known = 0.7 } = {},
): Event[] {
  const events: Event[] = []
  const value = () => below(values) || undefined
  const argumentOf = (name: string) => {
    if (name === 'read') return undefined
    return name === 'write' ? value() : [value(), value()]
  }
  const wrongResultOf = (name: string) => {
    if (name === 'read') return value()
    return name === 'cas' ? below(2) === 1 : undefined
  }
  let register: unknown
  let started = 0
  /** The operations that have not ended, and their results once they have happened. */
  const open = new Map<string, { name: string; asked: unknown; done: boolean; result?: unknown }>()
  while (started < count || open.size > 0) {
    const client = `client${below(clients)}`
    const own = open.get(client)
    if (own === undefined) {
      if (started++ >= count) continue
      const name = (['read', 'read', 'write', 'cas'] as const)[below(4)] ?? 'read'
      const asked = argumentOf(name)
      events.push([client, name, asked])
      open.set(client, { name, asked, done: false })
    } else if (!own.done) {
      own.done = true
      if (own.name === 'read') {
        own.result = register
      } else if (own.name === 'write') {
        register = own.asked
      } else {
        const [from, to] = own.asked as [unknown, unknown]
        own.result = register === from
        if (own.result) {
          register = to
        }
      }
    } else {
      open.delete(client)
      const lie = next() >= honesty
      const result = lie ? wrongResultOf(own.name) : own.result
      const kind = next()
      if (kind < known) {
        events.push([client, 'ok', result])
      } else {
        events.push([client, kind < 0.9 || !lie ? 'info' : 'fail'])
      }
    }
  }
  return events
}

/**
 * Expects that linearizable() judges histories of a register like a search that tries every order.
 * Returns how many of them are not linearizable.
 */
export function judgedAsByEveryOrder(honesty: number, histories: number): number {
  let refused = 0
  for (let seed = 1; seed <= histories; seed++) {
    const events = randomEvents(random(seed), 3, 7, honesty)
    const history = historyOf(events)
    const found = reasonOf(history)
    expect(found === undefined, `seed ${seed}: ${JSON.stringify(events)}`).toBe(
      isLinearizable([...history]),
    )
    if (found === undefined) continue
    refused++
    expect(found).toContain('not linearizable')
  }
  return refused
}
