/**
 * match: sends packets that a filter matches through the stages of one branch, and all others
 * through another branch or straight on. A packet that enters a branch has left the match; the
 * stages of the branch count its fate.
 */
import type { SkBuff } from '../../skb/sk-buff.ts'
import { buildGroups, type Group, printGroups, type StageKind } from '../spec/groups.ts'
import { join, quoted } from '../units.ts'
import { type Impairment, impairment, textOf, type Wire, type WireEnv, type WireFilter } from '../wire.ts'

interface MatchSpec {
  readonly filter: string
  readonly matching: readonly Group[]
  readonly others: readonly Group[]
}

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

  /** The stages of each branch are changed like a chain's. */
  change(params: unknown): boolean {
    const { filter, then, otherwise } = params as MatchParams
    this.#filter = filter
    this.#then = this.#env.inner('then', then)
    this.#otherwise = this.#env.inner('else', otherwise)
    return true
  }
}

export const matchKind: StageKind<MatchSpec> = {
  kind: 'match',
  inner: { else: 'else follows match FILTER ( ... )' },
  repeats: true,
  read(c, branch) {
    const filter = c.filter(['('])
    const matching = branch("match needs ( ... ) after its filter: match 'tcp port 80' ( loss 1% )")
    const others = c.takes('else') ? branch('else needs ( ... ): else ( delay 20ms )') : []
    return { filter, matching, others }
  },
  print: ({ filter, matching, others }) => print(filter, printGroups(matching), printGroups(others)),
  build({ filter, matching, others }, { text, resources }) {
    const matches = resources.filter(filter)
    return make(matches, buildGroups(matching, resources), buildGroups(others, resources), text)
  },
}

function print(filter: string, then: string, otherwise: string): string {
  return join([`match ${quoted(filter)} (`, then, ')', otherwise !== '' && `else ( ${otherwise} )`])
}

function make(
  filter: WireFilter,
  then: readonly Impairment[],
  otherwise: readonly Impairment[],
  text: string,
): Impairment {
  return impairment('match', { filter, then, otherwise }, (params, _, env) => new MatchWire(params, env), { text })
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
  return make(filter, then, otherwise, print(filter.text ?? 'a function', textOf(then), textOf(otherwise)))
}
