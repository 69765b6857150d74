/**
 * Searches for an order of the operations on one register that explains all results: the algorithm
 * of Wing and Gong (1993) with the cache of Lowe ("Testing for linearizability", 2017), which tries
 * no set of operations twice with the same value, nor with more steps that need not happen.
 */

/** An operation on a register. Values are numbers that stand for them. */
export interface Step {
  /** Places among all starts and ends. `to` is infinite if it need not happen. */
  readonly from: number
  readonly to: number
  /** The value that it must find, or with `isOther` must not find. ANY: it happens with each. */
  readonly finds: number
  readonly isOther: boolean
  /** The value that it leaves. SAME: it changes nothing. */
  readonly leaves: number
}

export const ANY = -1
export const SAME = -1

/** No order reaches the end of `blocked`. `states` is how many sets of steps were tried. */
export type Found =
  | { readonly verdict: 'yes'; readonly states: number }
  | { readonly verdict: 'unknown'; readonly states: number }
  | { readonly verdict: 'no'; readonly states: number; readonly blocked: Step }

/** Returns whether an order exists; `unknown` after `limit` sets of steps. */
export function search(steps: readonly Step[], initial: number, limit: number): Found {
  const known = new Set([ANY, initial, ...steps.map(({ leaves }) => leaves)])
  const blocked = steps.find(
    ({ to, finds, isOther }) => Number.isFinite(to) && !isOther && !known.has(finds),
  )
  if (blocked !== undefined) return { verdict: 'no', blocked, states: 0 }
  return new Search(steps, limit).run(initial)
}

/** The steps that may come next after some steps. */
interface Frame {
  /** The steps that led here from the frame before. */
  readonly taken: readonly number[]
  readonly options: readonly number[]
  at: number
}

const HEAD = 0
/** Bits of a character of a key. */
const CHAR_BITS = 16
const CHAR_MAX = 0xffff
/** How many sets of steps that need not happen are compared with each new one. */
const FEWEST_MAX = 16

class Search {
  readonly #steps: readonly Step[]
  readonly #limit: number
  /** The starts and ends of steps that are not taken, in order: 2i + 1 and 2i + 2 for step i. */
  readonly #next: Int32Array
  readonly #prev: Int32Array
  /** The number of steps that must happen. The others follow them in `steps`. */
  readonly #must: number
  /** Bits of the steps that are taken: steps that must happen, and `extra` for the others. */
  readonly #taken: Uint16Array
  readonly #extra: Uint16Array
  readonly #seen = new Set<string>()
  /** The first values of `extra` that were tried, by `taken` and the value of the register. */
  readonly #fewest = new Map<string, Uint16Array[]>()
  /** How many steps that must happen are not taken. */
  #left: number
  #blocked: Step | undefined

  constructor(steps: readonly Step[], limit: number) {
    const isOptional = ({ to }: Step) => !Number.isFinite(to)
    this.#steps = [...steps.filter(step => !isOptional(step)), ...steps.filter(isOptional)]
    this.#must = steps.length - steps.filter(isOptional).length
    this.#limit = limit
    const events = this.#steps.flatMap(({ from, to }, i) => [
      { place: from, node: 2 * i + 1 },
      ...(Number.isFinite(to) ? [{ place: to, node: 2 * i + 2 }] : []),
    ])
    events.sort((a, b) => a.place - b.place)
    this.#left = this.#must
    this.#next = new Int32Array(2 * steps.length + 2).fill(HEAD)
    this.#prev = this.#next.slice()
    this.#taken = new Uint16Array(Math.ceil(this.#must / CHAR_BITS))
    this.#extra = new Uint16Array(Math.ceil((steps.length - this.#must) / CHAR_BITS))
    let last = HEAD
    for (const { node } of events) {
      this.#next[last] = node
      this.#prev[node] = last
      last = node
    }
    this.#prev[HEAD] = last
  }

  run(initial: number): Found {
    const frames = [this.#enter(initial, [])]
    for (;;) {
      const states = this.#seen.size
      if (this.#left === 0) return { verdict: 'yes', states }
      if (states > this.#limit) return { verdict: 'unknown', states }
      const frame = frames.at(-1)
      if (frame === undefined) return { verdict: 'no', blocked: this.#blocked as Step, states }
      const option = frame.options[frame.at++]
      if (option === undefined) {
        frames.pop()
        for (const step of frame.taken.toReversed()) {
          this.#putBack(step)
        }
        continue
      }
      this.#take(option)
      frames.push(this.#enter((this.#steps[option] as Step).leaves, [option]))
    }
  }

  /**
   * Takes the steps that change nothing and can come now: in no order is it better if they come
   * later. Returns a frame, without options if the same state was tried before.
   */
  #enter(value: number, before: readonly number[]): Frame {
    const taken = [...before]
    const options: number[] = []
    /** The values that other steps need. */
    const wanted = new Set<number>()
    let isUnwanted = false
    for (let at = HEAD, node = this.#nodeAfter(at); node !== HEAD; node = this.#nodeAfter(at)) {
      const index = (node - 1) >> 1
      const step = this.#steps[index] as Step
      // Only what has started before the first end can come next.
      if (node % 2 === 0) {
        if (step.to > (this.#blocked?.to ?? 0)) {
          this.#blocked = step
        }
        break
      }
      const { finds, isOther, leaves } = step
      const isOpen = finds === ANY || (finds === value) !== isOther
      if (isOpen && leaves === SAME) {
        this.#take(index)
        taken.push(index)
        continue
      }
      if (isOpen) {
        options.push(index)
      }
      if (isOther) {
        isUnwanted = true
      } else if (finds !== ANY) {
        wanted.add(finds)
      }
      at = node
    }
    if (this.#isKnown(value)) return { taken, options: [], at: 0 }
    const extra = new Set<string>()
    // A step that need not happen is of use only if the next one needs the value that it leaves.
    const useful = options.filter(index => {
      const { to, finds, leaves } = this.#steps[index] as Step
      if (Number.isFinite(to)) return true
      // Of several that do the same, each one would do.
      const isOther = extra.size < extra.add(`${finds} ${leaves}`).size
      return isOther && leaves !== value && (isUnwanted || wanted.has(leaves))
    })
    useful.sort((a, b) => this.#endOf(a) - this.#endOf(b))
    return { taken, options: useful, at: 0 }
  }

  /** Whether the steps that are taken were tried with this value. Otherwise they are, now. */
  #isKnown(value: number): boolean {
    // All steps before `from` are taken, and none from `to` on.
    const from = this.#taken.findIndex(bits => bits !== CHAR_MAX)
    const to = this.#taken.findLastIndex(bits => bits !== 0) + 1
    const window = this.#taken.subarray(from, Math.max(from, to))
    const key = String.fromCharCode(
      value & CHAR_MAX,
      value >>> CHAR_BITS,
      from,
      window.length,
      ...window,
    )
    const whole = key + String.fromCharCode(...this.#extra)
    if (this.#seen.has(whole)) return true
    this.#seen.add(whole)
    const known = this.#fewest.get(key) ?? []
    if (known.some(extra => extra.every((bits, i) => (bits & ~(this.#extra[i] as number)) === 0))) {
      return true
    }
    if (known.length < FEWEST_MAX) {
      this.#fewest.set(key, [...known, this.#extra.slice()])
    }
    return false
  }

  #nodeAfter(node: number): number {
    return this.#next[node] as number
  }

  #endOf(index: number): number {
    return Math.min((this.#steps[index] as Step).to, Number.MAX_SAFE_INTEGER)
  }

  #take(index: number): void {
    this.#flip(index)
    this.#unlink(2 * index + 1)
    if (index >= this.#must) return
    this.#unlink(2 * index + 2)
    this.#left--
  }

  /** Undoes the last `take` that is not undone. */
  #putBack(index: number): void {
    this.#flip(index)
    if (index < this.#must) {
      this.#link(2 * index + 2)
      this.#left++
    }
    this.#link(2 * index + 1)
  }

  #flip(index: number): void {
    const [bits, at] = index < this.#must ? [this.#taken, index] : [this.#extra, index - this.#must]
    bits[Math.floor(at / CHAR_BITS)] ^= 1 << (at % CHAR_BITS)
  }

  #unlink(node: number): void {
    const [prev, next] = [this.#prev[node] as number, this.#next[node] as number]
    this.#next[prev] = next
    this.#prev[next] = prev
  }

  #link(node: number): void {
    this.#next[this.#prev[node] as number] = node
    this.#prev[this.#next[node] as number] = node
  }
}
