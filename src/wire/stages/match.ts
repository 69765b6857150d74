/**
 * match: sends selected packets through the stages of one branch, and all others through another
 * branch or straight on. A packet is selected if it meets all given conditions: a filter, `syn`,
 * `flow P`, `data` and `nth N`. A packet that enters a branch has left the match; the stages of the
 * branch count its fate.
 */
import { UsageError } from '../../base/usage-error.ts'
import * as tcp from '../../packet/tcp.ts'
import { tcpPayloadLength, UpperHeader } from '../../packet/upper-header.ts'
import type { SkBuff } from '../../skb/sk-buff.ts'
import type { Cursor } from '../grammar/cursor.ts'
import {
  buildGroups,
  copiesOf,
  directed,
  filtersOf,
  type Group,
  printGroups,
  type StageKind,
} from '../grammar/groups.ts'
import { formatShare, join, quoted, shareOf } from '../units.ts'
import {
  type Impairment,
  impairment,
  isSameFilter,
  textOf,
  type Wire,
  type WireEnv,
  type WireFilter,
} from '../wire.ts'
import { flowHash } from './flow.ts'
import { tcpHeaderOf } from './tcp-reset.ts'

/** Conditions besides the filter, for IPv4 and IPv6 alike. Absent ones are met by every packet. */
interface Selection {
  /** True for TCP segments with SYN: the first segment of each direction, and its repetitions. */
  readonly syn?: boolean
  /** The share of the flows, from 0 to 1. Packets that are not IP have no flow. */
  readonly flow?: number
  /** True for packets with TCP payload. */
  readonly data?: boolean
  /** The number of the only packet, counted among packets that meet the other conditions. */
  readonly nth?: number
}

/**
 * The packets that match() selects: packets that meet all given conditions. Without a condition all
 * packets match.
 */
export interface MatchOptions extends Omit<Selection, 'flow'> {
  readonly filter?: WireFilter
  /** The share of the flows: '10%', or 0.1. */
  readonly flow?: number | string
}

interface MatchSpec extends Selection {
  readonly filter: string
  readonly matching: readonly Group[]
  readonly others: readonly Group[]
}

interface MatchParams extends Selection {
  readonly filter: WireFilter | undefined
  readonly then: readonly Impairment[]
  readonly otherwise: readonly Impairment[]
}

const HASHES = 2 ** 32

class MatchWire implements Wire {
  #params: MatchParams
  #then: Wire
  #otherwise: Wire
  readonly #env: WireEnv
  readonly #key: number
  readonly #upper = new UpperHeader()
  #matched = 0

  constructor(params: MatchParams, env: WireEnv) {
    this.#env = env
    this.#params = params
    this.#key = env.random.below(HASHES)
    this.#then = env.inner('then', params.then)
    this.#otherwise = env.inner('else', params.otherwise)
  }

  push(skb: SkBuff): void {
    if (this.#selects(skb)) {
      this.#then.push(skb)
    } else {
      this.#otherwise.push(skb)
    }
  }

  /** Changes the stages of the branches. Counts from 0 again if another condition applies. */
  change(params: unknown): () => void {
    const before = this.#params
    const after = params as MatchParams
    const then = this.#env.inner('then', after.then)
    const otherwise = this.#env.inner('else', after.otherwise)
    return () => {
      this.#params = after
      if (
        !isSameFilter(after.filter, before.filter) ||
        CONDITIONS.some(name => after[name] !== before[name])
      ) {
        this.#matched = 0
      }
      this.#then = then
      this.#otherwise = otherwise
    }
  }

  #selects(skb: SkBuff): boolean {
    const { filter, syn, flow, data, nth } = this.#params
    if (filter !== undefined && !filter(skb.bytes, skb.data, skb.len)) return false
    if (syn === true && !isSyn(skb)) return false
    if (flow !== undefined) {
      const hash = flowHash(skb, this.#key)
      if (hash < 0 || hash >= flow * HASHES) return false
    }
    if (data && tcpPayloadLength(skb.bytes, skb.data, skb.len, this.#upper) === 0) return false
    return nth === undefined || ++this.#matched === nth
  }
}

function isSyn(skb: SkBuff): boolean {
  const header = tcpHeaderOf(skb)
  return header >= 0 && (tcp.flags(skb.bytes, header) & tcp.TCP_SYN) !== 0
}

const CONDITIONS = ['syn', 'flow', 'data', 'nth'] as const
const isCondition = (word: string): boolean => CONDITIONS.some(name => name === word)

export const matchKind: StageKind<MatchSpec> = {
  kind: 'match',
  inner: {
    else: 'else follows match FILTER ( ... )',
    syn: 'syn follows match: match syn ( loss 50% )',
    flow: 'flow follows match: match flow 10% ( loss 50% )',
    data: 'data follows match, or the count of a fault: match data ( loss 50% )',
  },
  repeats: true,
  read(c, branch) {
    const token = c.peek()
    const isFiltered = token === undefined || token.quoted || !isCondition(token.text)
    const filter = isFiltered ? c.filter(['(', ...CONDITIONS]) : ''
    const selection = readSelection(c)
    const matching = branch("match needs ( ... ) after its filter: match 'tcp port 80' ( loss 1% )")
    const others = c.takes('else') ? branch('else needs ( ... ): else ( delay 20ms )') : []
    return { filter, ...selection, matching, others }
  },
  directed(spec, direction) {
    return {
      ...spec,
      matching: directed(spec.matching, direction),
      others: directed(spec.others, direction),
    }
  },
  filters: ({ filter, matching, others }) => [
    ...(filter === '' ? [] : [filter]),
    ...filtersOf(matching),
    ...filtersOf(others),
  ],
  // A packet passes one of the branches.
  copies: ({ matching, others }) => Math.max(copiesOf(matching), copiesOf(others)),
  print: ({ matching, others, ...spec }) => print(spec, printGroups(matching), printGroups(others)),
  build({ filter, matching, others, ...selection }, { text, resources }) {
    const matches = filter === '' ? undefined : resources.filter(filter)
    const [then, otherwise] = [buildGroups(matching, resources), buildGroups(others, resources)]
    return make({ filter: matches, ...selection, then, otherwise }, text)
  },
}

function readSelection(c: Cursor): Selection {
  let selection: Selection = {}
  for (let word = c.peek(); word !== undefined && isCondition(word.text); word = c.peek()) {
    if (word.text in selection) throw c.error(`${word.text} is given twice`, word)
    c.next()
    if (word.text === 'syn' || word.text === 'data') {
      selection = { ...selection, [word.text]: true }
    } else if (word.text === 'flow') {
      selection = { ...selection, flow: c.share('flow needs a share of the flows: flow 10%') }
    } else {
      selection = { ...selection, nth: c.whole('nth needs a number: nth 3', 'a count') }
    }
  }
  return selection
}

function print(
  { filter, syn, flow, data, nth }: Selection & { filter: string },
  then: string,
  otherwise: string,
): string {
  return join([
    'match',
    filter !== '' && quoted(filter),
    syn && 'syn',
    flow !== undefined && `flow ${formatShare(flow)}`,
    data && 'data',
    nth !== undefined && `nth ${nth}`,
    '(',
    then,
    ')',
    otherwise !== '' && `else ( ${otherwise} )`,
  ])
}

function make(params: MatchParams, text: string): Impairment {
  return impairment('match', params, (p, _, env) => new MatchWire(p, env), { text })
}

/**
 * Returns an impairment that sends the packets for which a filter returns true, or that meet all
 * given conditions, through the stages `then`, and all others through `otherwise`. A branch without
 * stages changes nothing. Throws a UsageError.
 */
export function match(
  which: WireFilter | MatchOptions,
  then: readonly Impairment[],
  otherwise: readonly Impairment[] = [],
): Impairment {
  const { filter, syn, flow, data, nth }: MatchOptions =
    typeof which === 'function' ? { filter: which } : which
  if (nth !== undefined && !(Number.isInteger(nth) && nth > 0)) {
    throw new UsageError(`nth ${nth}: it must be a whole number of at least 1`)
  }
  for (const [name, value] of Object.entries({ syn, data })) {
    if (value !== undefined && typeof value !== 'boolean') {
      throw new UsageError(`${name} is true or false`)
    }
  }
  const selection: Selection = {
    ...(syn === true && { syn }),
    ...(flow !== undefined && { flow: shareOf(flow) }),
    ...(data === true && { data }),
    ...(nth !== undefined && { nth }),
  }
  const filterText = filter === undefined ? '' : (filter.text ?? 'a function')
  const text = print({ filter: filterText, ...selection }, textOf(then), textOf(otherwise))
  return make({ filter, ...selection, then, otherwise }, text)
}

/** Returns the filters of all frames that stages may touch; undefined if they may touch any. */
export function matchedBy(stages: readonly Impairment[]): readonly WireFilter[] | undefined {
  const filters = stages.map(({ kind, params }) => {
    const { filter, otherwise }: Partial<MatchParams> =
      kind === 'match' ? (params as MatchParams) : {}
    return otherwise?.length === 0 ? filter : undefined
  })
  return filters.every(filter => filter !== undefined) ? filters : undefined
}
