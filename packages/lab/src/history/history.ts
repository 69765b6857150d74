/** History: the operations of a test's clients in order, with names as in Jepsen. */
import { inspect } from 'node:util'
import { NSEC_PER_MSEC, UsageError } from 'vnet/internal/base/index'
import { copyOf } from './values.ts'

/** `fail`: it has certainly not happened. `info`: it may have happened, or may happen later. */
export type OperationOutcome = 'ok' | 'fail' | 'info'

export interface OperationOptions {
  /** The client, such as the name of a host. Only texts have it. */
  readonly process?: string | number
  /** The object of the operation. Checks look at each key alone. */
  readonly key?: string | number
}

export interface Operation extends OperationOptions {
  readonly name: string
  readonly value: unknown
  /** `info` until it has ended. */
  readonly outcome: OperationOutcome
  readonly result: unknown
  /** Milliseconds since the lab was made. `end` is undefined until it has ended. */
  readonly start: number
  readonly end: number | undefined
  /** Places among all starts and ends, since times may be equal. `to` is infinite for `info`. */
  readonly from: number
  readonly to: number
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class History implements Iterable<Operation> {
  readonly #clock: { readonly now: number }
  readonly #operations: Mutable<Operation>[] = []
  #places = 0

  /** `clock`, such as a lab, has the time in ms. */
  constructor(clock: { readonly now: number }) {
    this.#clock = clock
  }

  /** Records the start of an operation. Record its end with `ok`, `fail` or `info`. */
  invoke(name: string, value?: unknown, { process, key }: OperationOptions = {}): Operation {
    const place = { start: this.#clock.now, end: undefined, from: this.#places++, to: Number.POSITIVE_INFINITY }
    const who = { ...(process !== undefined && { process }), ...(key !== undefined && { key }) }
    const operation: Operation = { name, value: copyOf(value), ...who, outcome: 'info', result: undefined, ...place }
    this.#operations.push(operation)
    return operation
  }

  /** Records that an operation has happened. `result` is the value of a read. */
  ok(operation: Operation, result?: unknown): void {
    const ended = this.#end(operation, 'ok')
    ended.result = copyOf(result)
    ended.to = this.#places++
  }

  /** Records that an operation has certainly not happened, and will not happen. */
  fail(operation: Operation): void {
    this.#end(operation, 'fail').to = this.#places++
  }

  /** Records that the outcome is unknown, as after a timeout. `ok` or `fail` may follow. */
  info(operation: Operation): void {
    this.#end(operation, 'info')
  }

  /**
   * Records the operation that `fn` does: `ok` with its result, and `info` if it rejects, because
   * most errors do not say that nothing has happened. Rejects with the error of `fn`.
   */
  async run<T>(name: string, value: unknown, fn: () => Promise<T> | T, options?: OperationOptions): Promise<T> {
    const operation = this.invoke(name, value, options)
    try {
      const result = await fn()
      this.ok(operation, result)
      return result
    } catch (error) {
      this.info(operation)
      throw error
    }
  }

  /** The operations, in the order in which they have started. */
  [Symbol.iterator](): Iterator<Operation> {
    return this.#operations[Symbol.iterator]()
  }

  #end(operation: Operation, outcome: OperationOutcome): Mutable<Operation> {
    const what = `history.${outcome}`
    const known = this.#operations[this.#operations.lastIndexOf(operation)]
    if (known === undefined) throw new UsageError(`${what}: give it what history.invoke has returned`)
    if (known.outcome !== 'info') throw new UsageError(`${what}: it has ended already: ${operationText(known)}`)
    known.end = this.#clock.now
    known.outcome = outcome
    return known
  }
}

/** The most characters of a value in a text. */
const VALUE_MAX = 60

/** Returns a value in one short line. */
export function valueText(value: unknown): string {
  const text = inspect(value, { depth: 2, compact: true, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 20 })
  const line = text.replace(/\s+/g, ' ')
  return line.length <= VALUE_MAX ? line : `${line.slice(0, VALUE_MAX - 3)}...`
}

const NOTES: Readonly<Record<OperationOutcome, string>> = { ok: '', fail: ' (failed)', info: ' (unknown)' }

/** Operations without a result in texts. */
const BARE = ['write', 'add']

/** Returns an operation without its times: `client1 read x -> 2`. */
export function operationName({ process, name, key, value, outcome, result }: Operation): string {
  const parts = [process, name, key, value === undefined ? undefined : valueText(value)]
  const asked = parts.filter(part => part !== undefined).join(' ')
  const isShown = outcome === 'ok' && !BARE.includes(name) && (result !== undefined || value === undefined)
  return `${asked}${isShown ? ` -> ${valueText(result)}` : ''}${NOTES[outcome]}`
}

/** Returns an operation as one line: `20.0 to 31.5 ms  client1 read x -> 2`. */
export const operationText = (operation: Operation): string => timedText(operation, operationName(operation))

/** Returns the same from its times in ms and its name. */
export function timedText({ start, end }: Pick<Operation, 'start' | 'end'>, name: string): string {
  const times = end === undefined ? `from ${start.toFixed(1)} ms` : `${start.toFixed(1)} to ${end.toFixed(1)} ms`
  return `${times.padEnd(20)}  ${name}`
}

/** `start` and `end` are in ns of the clock of the run's packets. The name has no times. */
export type KeptOperation = Pick<Operation, 'start' | 'end' | 'from' | 'to' | 'name'>

/** The most operations of a run that are kept. */
const KEPT_MAX = 200

/** Returns the last operations. `origin` is the time of the packets' clock at time 0 of the lab. */
export function keptOf(history: Iterable<Operation>, origin: number): readonly KeptOperation[] {
  const timeOf = (ms: number) => Math.round(origin + ms * NSEC_PER_MSEC)
  return [...history].slice(-KEPT_MAX).map(operation => ({
    start: timeOf(operation.start),
    end: operation.end === undefined ? undefined : timeOf(operation.end),
    from: operation.from,
    to: operation.to,
    name: operationName(operation),
  }))
}
