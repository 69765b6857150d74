/** Parses the cases in packages/conform/cases, by packages/conform/docs/conform-cases.md. */
import { tcp } from 'vnet'
import { type Layer, parseLayers } from './layers.ts'

export const LEVELS = ['must', 'should', 'may'] as const

/** A case, as parsed. It has no state: it can run any number of times. */
export interface Case {
  /** In kebab-case. */
  readonly name: string
  /** Behaviour of the host, as a statement. */
  readonly title: string
  readonly level: (typeof LEVELS)[number]
  /** `RFC 9293, 3.10.7.4` */
  readonly source: string
  /** How Linux, which passes the case, differs from the RFC. */
  readonly note: string | undefined
  /** What Linux does instead, and why: the case fails there. */
  readonly linux: string | undefined
  readonly steps: readonly Step[]
  readonly family: 4 | 6
  /**
   * Settings below net/ipv4: `{ tcp_syn_retries: '1' }`. A kernel without one of them does not run
   * the case.
   */
  readonly sysctls: Readonly<Record<string, string>>
  /** How long it takes, if that is minutes: it then runs only on request. */
  readonly slow: string | undefined
  /** Why the case does not run on a kernel. */
  readonly memoryOnly: string | undefined
}

/** A line of a case. */
export interface Step {
  /** The line as written, for messages. */
  readonly text: string
  /** Milliseconds since the previous step; undefined: immediately. */
  readonly time: readonly [earliest: number, latest: number] | undefined
  readonly verb: string
  readonly words: readonly string[]
  /** The items of verbs with a segment, such as `in` and `out`. */
  readonly items: Items | undefined
  /** Of `send`, `clean`, `recv` and `none`. */
  readonly layers: readonly Layer[] | undefined
}

/** The items of a segment. Those that are undefined were not given. */
export interface Items {
  /** TCP_* bits. */
  flags: number
  sequence?: number
  data?: Range
  /** The largest segment. */
  size?: number
  ack?: number
  urgent?: number
  window?: readonly [relation: string, value: number]
  mss?: number
  sackPermitted?: boolean
  /** NaN: any. */
  scale?: number
  /** NaN: any. */
  timestamp?: number
  sack?: readonly Range[]
  /** Options that the segment does not have. */
  without?: readonly string[]
  peer: number
}

/** Positions in a stream of bytes, without `to`. */
export type Range = readonly [from: number, to: number]

const PORTS: Readonly<Record<string, number>> = { echo: 7, discard: 9, chargen: 19 }

/** Returns the lines that a line stands for: connections, and `out` with several segments. */
function expanded(line: string): string[] {
  const [, verb, after = '', items] = /^(open|opened)(?: (\+\d+))?(?: (\D.*))?$/.exec(line) ?? []
  const options = items ?? 'mss 1460'
  const needs = ['ts', 'sack-ok']
    .filter(name => options.includes(name))
    .map(name => `needs ${name}`)
  if (verb === 'open') {
    return [
      'connect',
      'out syn 0',
      ...needs,
      `${after} in syn 0, ack 1, ${options}`,
      'out ack 1',
      'connected',
    ]
  }
  if (verb === 'opened') {
    return [
      'listen',
      `in syn 0, ${options}`,
      'out syn 0, ack 1',
      ...needs,
      `${after} in ack 1`,
      'accept',
    ]
  }
  const [, service, given] = /^(echo|discard|chargen)(?: (.*))?$/.exec(line) ?? []
  if (service !== undefined) {
    const kept = given?.match(/\b(win|ts) \d+/g)?.map(item => `, ${item}`) ?? []
    const first = `in syn 0, ${given ?? 'mss 1460'}`
    return [`port ${PORTS[service]}`, first, 'out syn 0, ack 1', `in ack 1${kept.join('')}`]
  }
  const [, rest] = /^out data \d+\.\.\d+ \d+(, .*)$/.exec(line) ?? []
  if (rest === undefined) return [line]
  const [from = 0, to = 0, size = 1] = (line.match(/\d+/g) ?? []).map(Number)
  const starts = Array.from({ length: Math.ceil((to - from) / size) }, (_, i) => from + i * size)
  return starts.map(start => `out data ${start}..${Math.min(start + size, to)}${rest}`)
}

/** Returns the cases of a file. */
export function parseCases(text: string): readonly Case[] {
  const [, ...parts] = text.replace(/#.*/g, '').split(/^case /m)
  return parts.map(parseCase)
}

function parseCase(text: string): Case {
  const [first = '', ...lines] = text.split('\n').map(line => line.trim())
  const [, name = '', title = ''] = /^([a-z\d-]+): (.+)$/.exec(first) ?? []
  const values = (key: string) =>
    lines.filter(line => line.startsWith(`${key} `)).map(line => line.slice(key.length + 1))
  const level = LEVELS.find(each => values(each).length > 0)
  const [source = ''] = level === undefined ? [] : values(level)
  if (level === undefined || !/^RFC \d+, \S/.test(source)) {
    throw new Error(`${first}: it has no RFC and section`)
  }
  const [note] = values('note')
  const [linux] = values('linux')
  const [slow] = values('slow')
  const [memoryOnly] = values('memory-only')
  const steps = lines.filter(line => line !== '' && !HEADER.test(line)).flatMap(expanded)
  return {
    ...{
      name,
      title,
      level,
      source,
      note,
      linux,
      slow,
      memoryOnly,
      family: lines.includes('ipv6') ? 6 : 4,
    },
    sysctls: Object.fromEntries(values('with').map(value => value.split(' '))),
    steps: steps.map(line => parseStep(line.trim())),
  }
}

const HEADER = /^(must|should|may|note|linux|ipv6|with|slow|memory-only)\b/
const LINE = /^(?:\+(\d+)(?:\.\.(\d+))?\s+)?(\S+)\s*(.*)$/

const PACKET_VERBS: ReadonlySet<string> = new Set(['send', 'clean', 'recv', 'none'])
/** The arguments of `none` that are not layers: nothing, or a name for segments. */
const NO_LAYERS = /^(|data( \d+\.\.\d+)?|rst|syn|fin)$/
const SEGMENT_VERBS: ReadonlySet<string> = new Set(['in', 'out', 'finally', 'some', 'backs-off'])
/** Verbs of the peer alone: the others are calls of a program on the host. */
const FRAME_VERBS: ReadonlySet<string> = new Set([
  ...PACKET_VERBS,
  ...SEGMENT_VERBS,
  ...['stream', 'quiet', 'icmp', 'port', 'needs', 'ping'],
])

/** Whether a case needs no program on the host but servers of echo, discard and chargen. */
export const isPassive = ({ steps }: Case): boolean =>
  steps.every(({ verb }) => FRAME_VERBS.has(verb))

/** The position of a fragment of IPv4, and that more follow. */
const FRAGMENT = 0x3fff

/** Whether the host puts fragments together. */
export const hasFragments = ({ steps }: Case): boolean =>
  steps.some(({ layers }) =>
    layers?.some(
      ({ name, piece, fields }) =>
        name === 'frag' ||
        piece !== undefined ||
        (name === 'ip' && (Number(fields.offset ?? 0) & FRAGMENT) !== 0),
    ),
  )

/** Whether the host remembers an MTU of the path to the peer after a case. */
export const setsPathMtu = ({ steps }: Case): boolean =>
  steps.some(({ verb, words }) => verb === 'icmp' && words[0] === 'too-big')

function parseStep(text: string): Step {
  const [, earliest, latest = earliest, verb = '', rest = ''] = LINE.exec(text) ?? []
  const time = earliest === undefined ? undefined : ([Number(earliest), Number(latest)] as const)
  const words = rest.split(/\s+/)
  const isPacket = PACKET_VERBS.has(verb) && !(verb === 'none' && NO_LAYERS.test(rest))
  return {
    ...{ text, time, verb, words },
    items: SEGMENT_VERBS.has(verb) ? parseItems(text, rest) : undefined,
    layers: isPacket ? parseLayers(rest) : undefined,
  }
}

const FLAGS: Readonly<Record<string, number>> = {
  syn: tcp.TCP_SYN,
  fin: tcp.TCP_FIN,
  rst: tcp.TCP_RST,
  push: tcp.TCP_PSH,
}

/** Reads an item. `number` is its first word as a number, NaN for another word. */
type ReadItem = (items: Items, number: number, words: readonly string[]) => void

const ITEMS: Readonly<Record<string, ReadItem>> = {
  seq: (items, number) => {
    items.sequence = number
  },
  data: (items, _, [word = '', size]) => {
    items.data = range(word)
    items.sequence = items.data[0]
    if (size !== undefined) {
      items.size = Number(size)
    }
  },
  ack: (items, number) => {
    items.ack = number
    items.flags |= tcp.TCP_ACK
  },
  urgent: (items, number) => {
    items.urgent = number
    items.flags |= tcp.TCP_URG
  },
  win: (items, _, [word = '']) => {
    const [, relation, value] = /^([<>]?)(\d+)$/.exec(word) ?? []
    items.window = [relation || '=', Number(value)]
  },
  mss: (items, number) => {
    items.mss = number
  },
  scale: (items, number) => {
    items.scale = number
  },
  peer: (items, number) => {
    items.peer = number
  },
  no: (items, _, words) => {
    items.without = [...(items.without ?? []), ...words]
  },
  'sack-ok': items => {
    items.sackPermitted = true
  },
  ts: (items, number) => {
    items.timestamp = number
  },
  sack: (items, _, words) => {
    items.sack = words.map(range)
  },
}

function parseItems(text: string, rest: string): Items {
  const items: Items = { flags: 0, peer: 1 }
  for (const item of rest.split(',')) {
    const [name = '', ...words] = item.trim().split(/\s+/)
    const [word] = words
    const number = word === undefined ? Number.NaN : Number(word)
    if (Object.hasOwn(FLAGS, name)) {
      items.flags |= FLAGS[name] as number
      if (word !== undefined) {
        items.sequence = number
      }
    } else if (Object.hasOwn(ITEMS, name)) {
      ITEMS[name]?.(items, number, words)
    } else {
      throw new Error(`${text}: no item is called '${name}'`)
    }
  }
  return items
}

/** Parses `FROM..TO`. */
export function range(text: string): Range {
  const [from = '', to = ''] = text.split('..')
  return [Number(from), Number(to)]
}
