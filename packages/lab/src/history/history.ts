/**
 * History: the operations of the clients of a test, in the order in which they start and end. Names
 * are the same as in Jepsen. Checks are in the other files.
 */
import { inspect } from 'node:util'
import { UsageError } from 'vnet'
import { copyOf } from './values.ts'

/** `fail`: it has certainly not happened. `info`: it may have happened, or may happen later. */
export type OperationOutcome = 'ok' | 'fail' | 'info'

/** Who does an operation, and on what. */
export interface OperationOptions {
  /** The client, such as the name of a host. Only texts have it. */
  readonly process?: string | number
  /** The object of the operation. Checks look at each key alone. */
  readonly key?: string | number
}

/**
 * An operation of a client, as `history.invoke` returns it. The history changes it when it ends;
 * checks only read it. Values are copies, so that later changes by the test do not count.
 */
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

/**
 * The operations of one run, for checks. explore makes one for each run; a test can make its own.
 * It is never cleared.
 */
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
    const place = {
      start: this.#clock.now,
      end: undefined,
      from: this.#places++,
      to: Number.POSITIVE_INFINITY,
    }
    const who = { ...(process !== undefined && { process }), ...(key !== undefined && { key }) }
    const operation: Operation = {
      name,
      value: copyOf(value),
      ...who,
      outcome: 'info',
      result: undefined,
      ...place,
    }
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
  async run<T>(
    name: string,
    value: unknown,
    fn: () => Promise<T> | T,
    options?: OperationOptions,
  ): Promise<T> {
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
    if (known === undefined) {
      throw new UsageError(`${what}: give it what history.invoke has returned`)
    }
    if (known.outcome !== 'info') {
      throw new UsageError(`${what}: it has ended already: ${operationText(known)}`)
    }
    known.end = this.#clock.now
    known.outcome = outcome
    return known
  }
}

/** The most characters of a value in a text. */
const VALUE_MAX = 60

/** Returns a value in one short line. */
export function valueText(value: unknown): string {
  const text = inspect(value, {
    depth: 2,
    compact: true,
    breakLength: Number.POSITIVE_INFINITY,
    maxArrayLength: 20,
  })
  const line = text.replace(/\s+/g, ' ')
  return line.length <= VALUE_MAX ? line : `${line.slice(0, VALUE_MAX - 3)}...`
}

const NOTES: Readonly<Record<OperationOutcome, string>> = {
  ok: '',
  fail: ' (failed)',
  info: ' (unknown)',
}

/** Operations without a result in texts. */
const BARE = ['write', 'add']

/** Returns an operation without its times: `client1 read x -> 2`. */
function operationName({ process, name, key, value, outcome, result }: Operation): string {
  const parts = [process, name, key, value === undefined ? undefined : valueText(value)]
  const asked = parts.filter(part => part !== undefined).join(' ')
  const isShown =
    outcome === 'ok' && !BARE.includes(name) && (result !== undefined || value === undefined)
  return `${asked}${isShown ? ` -> ${valueText(result)}` : ''}${NOTES[outcome]}`
}

/** Returns an operation as one line: `20.0 to 31.5 ms  client1 read x -> 2`. */
export function operationText(operation: Operation): string {
  const { start, end } = operation
  const times =
    end === undefined
      ? `from ${start.toFixed(1)} ms`
      : `${start.toFixed(1)} to ${end.toFixed(1)} ms`
  return `${times.padEnd(20)}  ${operationName(operation)}`
}

/** The start or the end of an operation. */
export interface OperationMoment {
  /** Milliseconds since the lab was made. */
  readonly at: number
  readonly isStart: boolean
  /** `client1 write 5` */
  readonly name: string
  /** The same with both times, in ms since the lab was made. */
  readonly text: string
}

/** The most operations of a run that are kept. */
const KEPT_MAX = 200

/** Returns the starts and ends of the last operations, in their order. */
export function momentsOf(history: Iterable<Operation>): readonly OperationMoment[] {
  const moments = [...history].slice(-KEPT_MAX).flatMap(operation => {
    const { start, end, from, to } = operation
    const texts = { name: operationName(operation), text: operationText(operation) }
    const ends = end === undefined ? [] : [{ place: to, at: end, isStart: false, ...texts }]
    return [{ place: from, at: start, isStart: true, ...texts }, ...ends]
  })
  moments.sort((a, b) => a.at - b.at || a.place - b.place)
  return moments.map(({ place: _, ...moment }) => moment)
}
