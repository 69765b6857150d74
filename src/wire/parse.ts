/**
 * The grammar of a wire: groups with `|` between them. A group has the keywords of tc-netem(8) and
 * some more, in any order. Each stage reads its own text (stages.ts).
 */
import { didYouMean, parseDuration, type UsageError } from '../base/index.ts'
import type { WireResources, WireText } from '../netdev/device-wire.ts'
import { Cursor, type TextOptions, type Token, whole } from './grammar/cursor.ts'
import {
  buildGroups,
  directed,
  filtersOf,
  type Group,
  type GroupLimit,
  type Item,
  limitOf,
  noResources,
  type StagePart,
} from './grammar/groups.ts'
import presets from './presets.json' with { type: 'json' }
import { STAGES } from './stages.ts'
import { parseSize } from './units.ts'
import type { Direction, Impairment } from './wire.ts'

/** How deep branches may be nested: their stages call each other for every packet. */
const DEPTH_MAX = 16

const PARTS: ReadonlyMap<string, StagePart> = new Map(
  STAGES.flatMap(({ part }) =>
    Object.keys(part?.keywords ?? {}).map(word => [word, part as StagePart]),
  ),
)

/** The keywords of stages and between stages. A filter without quotes must not be one. */
const STARTS: ReadonlySet<string> = new Set([
  ...STAGES.flatMap(({ kind, keywords = [kind] }) => keywords),
  ...PARTS.keys(),
  'limit',
  'preset',
])

export const KEYWORDS: ReadonlySet<string> = new Set([
  ...STARTS,
  ...STAGES.flatMap(({ inner = {} }) => Object.keys(inner)),
])

/** Messages for keywords of other programs, or in the wrong place. */
const HINTS: Readonly<Record<string, string>> = {
  ...Object.assign({}, ...STAGES.map(({ inner }) => inner)),
  seed: 'a seed is not a word of a wire: use --seed N',
  latency: "the word is 'delay'",
  jitter: 'the jitter is the second time of delay: delay 20ms 5ms',
  bandwidth: "the word is 'rate'",
  bw: "the word is 'rate'",
  queue: 'the queue is bounded by limit: rate 10mbit limit 100',
  '%': 'a number and its % are one word: loss 1%',
  ...hints(['ns', 'us', 'ms', 's'], () => 'a number and its unit are one word: delay 20ms'),
  ...hints(
    ['ab', 'ba', 'in', 'out'],
    way => `a wire spec is for both directions: give this one with --wire-${way}`,
  ),
  offline:
    "'offline' is not a word of a wire: vnet cut IF cuts the cable, loss 100% loses the packets of a direction",
  off: "'off' stands alone, and only in vnet wire and in a scenario",
}

function hints(words: readonly string[], hint: (word: string) => string): Record<string, string> {
  return Object.fromEntries(words.map(word => [word, hint(word)]))
}

interface GroupText {
  readonly items: Item[]
  readonly parts: Map<StagePart, { readonly value: unknown; readonly token: Token }>
  limit: GroupLimit | undefined
}

/**
 * Returns the stages that `text` describes. A preset has other stages in each direction. Throws a
 * UsageError of three lines: the mistake, the text, and a caret under the wrong word. Times without
 * a unit are microseconds, like in tc(8), unless `options` refuses them.
 */
export function parseWire(
  text: string,
  resources: WireResources = noResources,
  direction: Direction = 'ab',
  options?: TextOptions,
): Impairment[] {
  return buildGroups(directed(groupsOf(text, options), direction), resources)
}

/** A text of a wire that was read, for both directions. */
export interface ReadWireText extends WireText {
  /** None if the text is empty. */
  readonly groups: readonly Group[]
  /** The filters that it names, as often as it names each. */
  readonly filters: readonly string[]
  /** Lines about what may be a mistake in it. */
  readonly notes: readonly string[]
}

/**
 * Reads the text of a wire, and neither compiles its filters nor reads its files. Times without a
 * unit are microseconds if `bareUs` is true, and refused otherwise. Throws a UsageError, as
 * parseWire does.
 */
export function readWireText(
  text: string,
  { bareUs = true }: Pick<TextOptions, 'bareUs'> = {},
): ReadWireText {
  const notes: string[] = []
  const groups = groupsOf(text, { bareUs, note: line => notes.push(line) })
  return { text, groups, filters: filtersOf(groups), notes }
}

function groupsOf(text: string, options?: TextOptions): Group[] {
  const c = new Cursor(text, options)
  if (c.peek() === undefined) return []
  const groups = readGroups(c)
  if (c.peek() !== undefined) throw c.error("a ')' without its '('")
  return groups
}

function readGroups(c: Cursor): Group[] {
  const groups: Group[] = []
  do {
    if (c.is('preset')) {
      groups.push(readPreset(c))
    } else {
      groups.push(readGroup(c))
    }
  } while (c.takes('|'))
  return groups
}

function readGroup(c: Cursor): Group {
  const group: GroupText = { items: [], parts: new Map(), limit: undefined }
  const { items, parts } = group
  const seen = new Map<string, Token>()
  const first = c.peek()
  for (
    let token = first;
    token !== undefined && (token.quoted || !/^[|)]$/.test(token.text));
    token = c.peek()
  ) {
    readWord(c, token, group)
    seen.set(token.text, token)
  }
  if (first === undefined || seen.size === 0) throw c.error('a stage is missing here: delay 20ms')
  if (group.limit !== undefined && !items.some(({ kind }) => kind.holds)) {
    throw c.error(
      'limit needs rate, trace, delay, slot or hold beside it: rate 10mbit limit 100',
      seen.get('limit'),
    )
  }
  if (group.limit?.time !== undefined && !items.some(({ kind }) => kind.bits)) {
    throw c.error(
      'a limit in time needs a rate beside it: rate 10mbit limit 50ms',
      seen.get('limit'),
    )
  }
  const { bytes } = limitOf(group) ?? {}
  if (bytes !== undefined) {
    c.checkRoom(bytes, seen.get('limit'))
  }
  items.sort((a, b) => STAGES.indexOf(a.kind) - STAGES.indexOf(b.kind))
  for (const part of new Set(PARTS.values())) {
    const [one, other] = items.filter(({ kind }) => kind.part === part).map(({ kind }) => kind.kind)
    if (other !== undefined) {
      throw c.error(`${one} and ${other} are two ${part.key}s: put | between them`, seen.get(other))
    }
    const token = parts.get(part)?.token
    if (token !== undefined && one === undefined) throw c.error(part.missing(token.text), token)
  }
  const completed = items.map(item => {
    const { part } = item.kind
    const written = part && parts.get(part)
    return written === undefined
      ? item
      : { ...item, spec: { ...(item.spec as object), [part?.key ?? '']: written.value } }
  })
  return { items: completed, limit: group.limit }
}

function readWord(c: Cursor, token: Token, group: GroupText): void {
  const { items, parts } = group
  const twice = () => c.error(`${token.text} is given twice: put | between them`, token)
  const word = token.quoted ? '' : token.text
  const kind = STAGES.find(stage => stage.starts?.(c, STARTS) ?? stage.kind === word)
  const part = PARTS.get(word)
  if (kind !== undefined) {
    c.next()
    const spec = kind.read(c, missing => readBranch(c, missing))
    if (!kind.repeats && items.some(item => item.kind === kind)) throw twice()
    items.push({ kind, spec, text: c.text, at: token.at, end: c.last.end })
  } else if (part !== undefined) {
    const other = parts.get(part)?.token.text
    if (other === word) throw twice()
    if (other !== undefined) {
      throw c.error(`${word} is a second ${part.name} beside ${other}`, token)
    }
    c.next()
    parts.set(part, { value: part.keywords[word](c), token })
  } else if (word === 'limit') {
    if (group.limit !== undefined) throw twice()
    c.next()
    group.limit = c.value(
      'limit needs packets, a size or a time: limit 100, limit 64kb, limit 50ms',
      text => {
        if (/\d(s|[mun]s|[mun]?secs?|min|h)$/i.test(text)) return { time: parseDuration(text) }
        return /^\d+$/.test(text) ? { packets: whole('a count')(text) } : { bytes: parseSize(text) }
      },
    )
  } else {
    throw notAWord(c, token)
  }
}

function notAWord(c: Cursor, token: Token): UsageError {
  if (token.quoted) return c.error('quotes are for filters and files only', token)
  if (token.text === 'preset') {
    return c.error('a preset stands alone: put | between it and other words', token)
  }
  if (token.text === '(') return c.error("'(' follows match FILTER", token)
  if (Object.hasOwn(HINTS, token.text)) return c.error(HINTS[token.text], token)
  if (c.atNumber) {
    return c.error(`'${token.text}' is one number too many${wordBefore(token.text)}`, token)
  }
  return c.error(
    `'${token.text}' is not a word of a wire${didYouMean(token.text, KEYWORDS)}`,
    token,
  )
}

/** Returns a hint at the word that a number with this unit may lack. */
function wordBefore(number: string): string {
  const hint = ': put a word before it, such as'
  if (/\d[mu]?s$/.test(number)) return `${hint} delay ${number}`
  return number.endsWith('%') ? `${hint} loss ${number}` : ''
}

function readBranch(c: Cursor, missing: string): Group[] {
  const open = c.peek()
  if (open === undefined || !c.takes('(')) throw c.error(missing)
  if (c.takes(')')) return []
  if (++c.depth > DEPTH_MAX) throw c.error(`a match may lie in ${DEPTH_MAX - 1} others`, open)
  const groups = readGroups(c)
  c.depth--
  if (!c.takes(')')) throw c.error("this '(' has no ')'", open)
  return groups
}

function readPreset(c: Cursor): Group {
  c.next()
  const name = c.peek()
  const preset = c.value(`preset needs a name: ${[...PRESETS.keys()].join(', ')}`, text =>
    PRESETS.get(text),
  )
  if (preset === undefined && name !== undefined) {
    const meant = didYouMean(name.text, PRESETS.keys()) || `: ${[...PRESETS.keys()].join(', ')}`
    throw c.error(`'${name.text}' is not a preset${meant}`, name)
  }
  const behind = c.peek()
  if (behind !== undefined && (behind.quoted || !/^[|)]$/.test(behind.text))) {
    throw c.error('a preset stands alone: put | between it and other words', behind)
  }
  const { up = '', down = '' } = preset ?? {}
  return { items: [], limit: undefined, preset: { ab: groupsOf(up), ba: groupsOf(down) } }
}

/**
 * The links that `preset NAME` stands for. The client is at end a, the network at end b: `up` is
 * the text of direction ab, `down` of ba. A round-trip time is split evenly. The queue before a
 * rate holds about half a second of traffic, at least 16kb. Packets in flight are not in it: they
 * are after the `|`. Sources are in words.ts.
 */
export const PRESETS: ReadonlyMap<string, { readonly up: string; readonly down: string }> = new Map(
  Object.entries(presets),
)
