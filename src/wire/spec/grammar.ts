/**
 * The grammar of a wire: groups with `|` between them, each of which is made of the words of
 * tc-netem(8) and some more, in any order.
 */
import type { Direction } from '../wire.ts'
import { Cursor } from './cursor.ts'
import { didYouMean } from './error.ts'
import { type Group, type Item, isLimited, ordered, type Phrase, type Queue } from './phrase.ts'
import { PRESETS } from './presets.ts'
import {
  readCodel,
  readCorrupt,
  readDelay,
  readDuplicate,
  readLimit,
  readLoss,
  readMtu,
  readRate,
  readRed,
  readReorder,
  readSlot,
  readTrace,
  readTruncate,
} from './read.ts'
import { isFault, readFault, readFilter } from './read-fault.ts'
import type { Token } from './tokens.ts'

const STAGES: Readonly<Record<string, (c: Cursor, direction: Direction) => Phrase>> = {
  partition: () => ({ kind: 'partition' }),
  blackhole: () => ({ kind: 'blackhole' }),
  hold: () => ({ kind: 'hold' }),
  mtu: readMtu,
  drop: c => readFault(c, 'drop'),
  reset: c => readFault(c, 'reset'),
  match: readMatch,
  loss: readLoss,
  duplicate: c => (isFault(c, 0, STARTS) ? readFault(c, 'duplicate') : readDuplicate(c)),
  corrupt: c => (isFault(c, 0, STARTS) ? readFault(c, 'corrupt') : readCorrupt(c)),
  truncate: readTruncate,
  rate: readRate,
  trace: readTrace,
  delay: c =>
    isFault(c, 1, STARTS) ? readFault(c, 'delay', c.duration('delay needs a time: delay 20ms')) : readDelay(c),
  slot: readSlot,
}

const QUEUES: Readonly<Record<string, (c: Cursor) => Queue>> = {
  droptail: () => ({ type: 'droptail' }),
  drophead: () => ({ type: 'drophead' }),
  red: readRed,
  codel: readCodel,
}

/** Branches within branches: their stages call each other for every packet. */
const DEPTH_MAX = 16

/** The words that begin a stage or stand beside one, which a filter without quotes is not. */
const STARTS: ReadonlySet<string> = new Set([
  ...Object.keys(STAGES),
  ...Object.keys(QUEUES),
  ...['reorder', 'limit', 'preset'],
])

/** The words that stages, and parts of them, begin with. */
export const WORDS: ReadonlySet<string> = new Set([
  ...STARTS,
  ...['ecn', 'distribution', 'burst', 'gap', 'once', 'icmp', 'at', 'else', 'packets', 'bytes'],
])

/** Words of other programs, or in the wrong place. */
const HINTS: Readonly<Record<string, string>> = {
  ecn: 'ecn follows a loss model, red or codel: loss 1% ecn',
  distribution: 'distribution follows the times of a delay or slot: delay 20ms 5ms distribution normal',
  gap: 'gap follows reorder: reorder 25% gap 5',
  burst: 'burst follows rate or loss: rate 10mbit burst 15kb, loss 1% burst 5',
  at: 'at follows corrupt: corrupt at 14',
  else: 'else follows match FILTER ( ... )',
  packets: 'packets follows slot: slot 10ms packets 16',
  bytes: 'bytes follows slot: slot 10ms bytes 64kb',
  once: 'once follows trace: trace verizon.up once',
  icmp: 'icmp follows mtu: mtu 1400 icmp',
  seed: 'a seed is not a word of a wire: use --seed N',
  latency: "the word is 'delay'",
  jitter: 'the jitter is the second time of delay: delay 20ms 5ms',
  bandwidth: "the word is 'rate'",
  bw: "the word is 'rate'",
  queue: 'the queue is bounded by limit: rate 10mbit limit 100',
  '%': 'a number and its % are one word: loss 1%',
  ns: 'a number and its unit are one word: delay 20ms',
  us: 'a number and its unit are one word: delay 20ms',
  ms: 'a number and its unit are one word: delay 20ms',
  s: 'a number and its unit are one word: delay 20ms',
  off: "'off' stands alone, and only in vnet wire and in a scenario",
}

/** What is written in a group besides stages. */
interface Rest {
  limit?: Group['limit']
  queue?: { readonly value: Queue; readonly token: Token }
  reorder?: { readonly value: ReturnType<typeof readReorder>; readonly token: Token }
}

/** Returns the groups of `words`; none if they are empty. Throws a UsageError. */
export function readWords(words: string, direction: Direction): Group[] {
  const c = new Cursor(words)
  if (c.peek() === undefined) return []
  const groups = readGroups(c, direction)
  if (c.peek() !== undefined) throw c.error("a ')' without its '('")
  return groups
}

/** Reads groups up to the end or a `)`. */
function readGroups(c: Cursor, direction: Direction): Group[] {
  const groups: Group[] = []
  do {
    if (c.is('preset')) groups.push(...readPreset(c, direction))
    else groups.push(readGroup(c, direction))
  } while (c.takes('|'))
  return groups
}

function readGroup(c: Cursor, direction: Direction): Group {
  const items: Item[] = []
  const rest: Rest = {}
  const seen = new Map<string, Token>()
  const first = c.peek()
  for (let token = first; token !== undefined && (token.quoted || !/^[|)]$/.test(token.text)); token = c.peek()) {
    readStage(c, token, direction, items, rest)
    seen.set(token.text, token)
  }
  if (first === undefined || items.length + seen.size === 0) throw c.error('a stage is missing here: delay 20ms')
  const kinds = items.map(({ phrase }) => phrase.kind)
  const limited = items.some(({ phrase }) => isLimited(phrase))
  if (rest.limit !== undefined && !limited) {
    throw c.error('limit needs rate, trace, delay, slot or hold beside it: rate 10mbit limit 100', seen.get('limit'))
  }
  const queued = kinds.filter(kind => kind === 'rate' || kind === 'trace')
  if (queued.length > 1) throw c.error('rate and trace are two queues: put | between them', seen.get('trace'))
  const { queue, reorder } = rest
  if (queue !== undefined && queued.length === 0) {
    throw c.error(`${queue.value.type} needs rate or trace beside it: rate 10mbit ${queue.value.type}`, queue.token)
  }
  if (reorder !== undefined && !kinds.includes('delay')) {
    throw c.error('reorder needs a delay, which the reordered packets skip: delay 20ms reorder 25%', reorder.token)
  }
  const whole = items.map(item => ({ ...item, phrase: completed(item.phrase, rest) }))
  return { items: ordered(whole), limit: rest.limit }
}

function completed(phrase: Phrase, { queue, reorder }: Rest): Phrase {
  if (phrase.kind === 'delay' && reorder !== undefined) return { ...phrase, reorder: reorder.value }
  if ((phrase.kind === 'rate' || phrase.kind === 'trace') && queue !== undefined)
    return { ...phrase, queue: queue.value }
  return phrase
}

/** Reads one stage, or what belongs to one, into `items` and `rest`. */
function readStage(c: Cursor, token: Token, direction: Direction, items: Item[], rest: Rest): void {
  const twice = () => c.error(`${token.text} is given twice: put | between them`, token)
  const word = token.quoted ? '' : token.text
  if (Object.hasOwn(STAGES, word)) {
    c.next()
    const phrase = STAGES[word](c, direction)
    const { kind } = phrase
    if (kind !== 'fault' && kind !== 'match' && items.some(({ phrase }) => phrase.kind === kind)) throw twice()
    items.push({ phrase, words: c.words, at: token.at, end: c.last.end })
  } else if (Object.hasOwn(QUEUES, word)) {
    const other = rest.queue?.value.type
    if (other === word) throw twice()
    if (other !== undefined) throw c.error(`${word} is a second queue discipline beside ${other}`, token)
    c.next()
    rest.queue = { value: QUEUES[word](c), token }
  } else if (word === 'reorder') {
    if (rest.reorder !== undefined) throw twice()
    c.next()
    rest.reorder = { value: readReorder(c), token }
  } else if (word === 'limit') {
    if (rest.limit !== undefined) throw twice()
    c.next()
    rest.limit = readLimit(c)
  } else throw notAWord(c, token)
}

function notAWord(c: Cursor, token: Token): Error {
  if (token.quoted) return c.error('quotes are for filters and files only', token)
  if (token.text === 'preset') return c.error('a preset stands alone: put | between it and other words', token)
  if (token.text === '(') return c.error("'(' follows match FILTER", token)
  if (Object.hasOwn(HINTS, token.text)) return c.error(HINTS[token.text], token)
  if (c.atNumber) return c.error(`'${token.text}' is one number too many`, token)
  return c.error(`'${token.text}' is not a word of a wire${didYouMean(token.text, WORDS)}`, token)
}

function readMatch(c: Cursor, direction: Direction): Phrase {
  const filter = readFilter(c, ['('])
  const matching = readBranch(c, direction, "match needs ( ... ) after its filter: match 'tcp port 80' ( loss 1% )")
  const others = c.takes('else') ? readBranch(c, direction, 'else needs ( ... ): else ( delay 20ms )') : []
  return { kind: 'match', filter, matching, others }
}

/** Reads `( ... )`, which may be empty. */
function readBranch(c: Cursor, direction: Direction, missing: string): Group[] {
  const open = c.peek()
  if (open === undefined || !c.takes('(')) throw c.error(missing)
  if (c.takes(')')) return []
  if (++c.depth > DEPTH_MAX) throw c.error(`a match may lie in ${DEPTH_MAX - 1} others`, open)
  const groups = readGroups(c, direction)
  c.depth--
  if (!c.takes(')')) throw c.error("this '(' has no ')'", open)
  return groups
}

function readPreset(c: Cursor, direction: Direction): Group[] {
  c.next()
  const name = c.peek()
  const preset = c.value(`preset needs a name: ${[...PRESETS.keys()].join(', ')}`, text => PRESETS.get(text))
  if (preset === undefined && name !== undefined) {
    const meant = didYouMean(name.text, PRESETS.keys()) || `: ${[...PRESETS.keys()].join(', ')}`
    throw c.error(`'${name.text}' is not a preset${meant}`, name)
  }
  const behind = c.peek()
  if (behind !== undefined && (behind.quoted || !/^[|)]$/.test(behind.text))) {
    throw c.error('a preset stands alone: put | between it and other words', behind)
  }
  return readWords(preset?.[direction === 'ab' ? 'up' : 'down'] ?? '', direction)
}
