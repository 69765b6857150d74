/**
 * match: sends packets that a filter matches through the stages of one branch, and all others
 * through another branch or straight on. A packet that enters a branch has left the match; the
 * stages of the branch count what becomes of it.
 */
import type { SkBuff } from '../../skb/sk-buff.ts'
import { type Impairment, impairment, type Wire, type WireEnv } from '../wire.ts'

/** Returns true if the frame of `length` bytes at `at` matches. `text` is the filter's source. */
export type WireFilter = ((bytes: Uint8Array, at: number, length: number) => boolean) & { readonly text?: string }

interface MatchParams {
  readonly filter: WireFilter
  readonly then: readonly Impairment[]
  readonly otherwise: readonly Impairment[]
}

class MatchWire implements Wire {
  #filter: WireFilter
  #then: Wire
  #otherwise: Wire
  readonly #env: WireEnv

  constructor({ filter, then, otherwise }: MatchParams, env: WireEnv) {
    this.#env = env
    this.#filter = filter
    this.#then = env.inner('then', then)
    this.#otherwise = env.inner('else', otherwise)
  }

  push(skb: SkBuff): void {
    if (this.#filter(skb.bytes, skb.data, skb.len)) this.#then.push(skb)
    else this.#otherwise.push(skb)
  }

  /** The stages of each branch are changed as those of a chain are. */
  change(params: unknown): boolean {
    const { filter, then, otherwise } = params as MatchParams
    this.#filter = filter
    this.#then = this.#env.inner('then', then)
    this.#otherwise = this.#env.inner('else', otherwise)
    return true
  }
}

/**
 * Returns an impairment that sends the packets for which `filter` returns true through the stages
 * `then`, and all others through `otherwise`. A branch without stages changes nothing.
 */
export function match(
  filter: WireFilter,
  then: readonly Impairment[],
  otherwise: readonly Impairment[] = [],
): Impairment {
  const branch = (stages: readonly Impairment[]) =>
    ['(', stages.map(({ words, kind, name }) => words ?? kind ?? name).join(' | '), ')'].filter(Boolean).join(' ')
  const others = otherwise.length === 0 ? '' : ` else ${branch(otherwise)}`
  return impairment('match', { filter, then, otherwise }, (params: MatchParams, _, env) => new MatchWire(params, env), {
    words: `match '${filter.text ?? 'a function'}' ${branch(then)}${others}`,
  })
}
