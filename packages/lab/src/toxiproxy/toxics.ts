/**
 * The kinds of toxics. Each acts on packets, by a text of the wire, or on the bytes of connections,
 * by a stage (stages.ts). Without a link, `latency` and `bandwidth` are stages, too.
 */
import { compileNumericFilter } from 'vnet/internal/linux/pcap-filter'
import { formatShare, quoted } from 'vnet/internal/wire/units'
import { parseLabWire } from '../carrier/wire-text.ts'
import { ApiError, checkFields } from './body.ts'
import type { LinkAddress } from './lab-process.ts'

/** As the API shows it. */
export interface Toxic {
  attributes: Attributes
  readonly name: string
  readonly type: string
  /** `upstream` or `downstream`, perhaps with capital letters. */
  readonly stream: string
  /** The share of the connections that it hits, from 0 to 1. */
  toxicity: number
}

export type Attributes = Readonly<Record<string, number | string>>

export const isUpstream = ({ stream }: Toxic): boolean => stream.toLowerCase() === 'upstream'

interface ToxicKind {
  /** The defaults. Numbers are whole unless FRACTIONS names them. */
  readonly attributes: Attributes
  readonly isStage?: boolean
  /** Whether its text is for packets with data only: neither handshakes nor acknowledgements. */
  readonly isOfData?: boolean
  /** Returns the text of a wire. `headers` are the bytes of a packet without its data. */
  // biome-ignore lint/suspicious/noExplicitAny: each kind knows its attributes
  text?(attributes: any, headers: number): string
}

/** Attributes that need not be whole numbers. */
export const FRACTIONS: readonly string[] = ['percent', 'burst']
/** Packets that a toxic holds at most. */
const HELD = 10_000
const TEXT_MAX = 1000
/** The burst of a bandwidth, in ms of its rate. */
const BURST_MS = 5

const KINDS: Readonly<Record<string, ToxicKind>> = {
  latency: {
    attributes: { latency: 0, jitter: 0 },
    isStage: true,
    isOfData: true,
    text: ({ latency, jitter }) =>
      `delay ${Math.max(0, latency)}ms ${jitter > 0 ? `${jitter}ms ordered ` : ''}limit ${HELD}`,
  },
  bandwidth: {
    attributes: { rate: 0 },
    isStage: true,
    isOfData: true,
    // The burst makes up for late timers.
    text: ({ rate }, headers) =>
      `${rate > 0 ? `rate ${rate * 8}kbit -${headers} burst ${rate * BURST_MS}` : 'hold'} limit ${HELD}`,
  },
  slow_close: { attributes: { delay: 0 }, isStage: true },
  timeout: { attributes: { timeout: 0 }, isStage: true },
  reset_peer: { attributes: { timeout: 0 }, isStage: true },
  slicer: { attributes: { average_size: 0, size_variation: 0, delay: 0 }, isStage: true },
  limit_data: { attributes: { bytes: 0 }, isStage: true },
  packet_loss: {
    attributes: { percent: 0, burst: 1 },
    text: ({ percent, burst }) => `loss ${percent}%${burst > 1 ? ` burst ${burst}` : ''}`,
  },
  reorder: {
    attributes: { percent: 0, delay: 10 },
    text: ({ percent, delay }) => `delay ${delay}ms reorder ${percent}% limit ${HELD}`,
  },
  duplicate: { attributes: { percent: 0 }, text: ({ percent }) => `duplicate ${percent}%` },
  corrupt: { attributes: { percent: 0 }, text: ({ percent }) => `corrupt ${percent}%` },
  drop: {
    attributes: { filter: '', first: 0, nth: 0, every: 0 },
    text: ({ filter, first, nth, every }) => {
      const given = Object.entries({ first, nth, every }).filter(([, count]) => count !== 0)
      if (given.length > 1) throw new Error(`drop takes one of first, nth and every, not ${given.length}`)
      const when = given.map(([word, count]) => `${word} ${count}`).join() || 'every 1'
      return `drop ${filter === '' ? '' : quoted(filter)} ${when}`
    },
  },
  preset: { attributes: { name: '' }, text: ({ name }) => `preset ${name}` },
  silence: { attributes: {}, text: () => 'blackhole' },
  wire: { attributes: { text: '' }, text: ({ text }) => text },
}

const kindOf = (type: string) => KINDS[type] as ToxicKind

/** Returns the attributes of a type, with their defaults; undefined for an unknown type. */
export const defaultsOf = (type: string): Attributes | undefined =>
  Object.hasOwn(KINDS, type) ? kindOf(type).attributes : undefined

/** Whether a toxic is a stage of connections; `hasPackets`: there is a link. */
export function isStage(type: string, hasPackets: boolean): boolean {
  const { isStage = false, text } = kindOf(type)
  return isStage && !(hasPackets && text !== undefined)
}

/**
 * Throws an ApiError for an unknown field of a toxic that only vnet has: a misspelt one would
 * change nothing. toxiproxy ignores unknown fields, so its own toxics may have some. `known` are
 * the fields besides attributes.
 */
export function checkToxicFields(type: string, body: object, attributes: object, known: readonly string[]): void {
  const { isStage = false, attributes: own } = kindOf(type)
  if (isStage) return
  checkFields(body, known, 'a toxic')
  checkFields(attributes, Object.keys(own), type)
}

/** Throws an ApiError if a toxic cannot be had, or would read a file or look up a name. */
export function checkToxic(toxic: Toxic, isUdp: boolean, whyNoPackets: string | undefined): void {
  const { type, attributes } = toxic
  const { isStage = false, text } = kindOf(type)
  if (text === undefined && isUdp) throw new ApiError(`${type} is for TCP connections, not for UDP`, 400)
  if (whyNoPackets !== undefined && !isStage)
    throw new ApiError(`${type} needs packets, which vnet does not have: ${whyNoPackets}`, 400)
  const file = (path: string) => {
    throw new Error(`${path}: toxics read no files`)
  }
  try {
    const written = text?.(attributes, 0) ?? ''
    if (written.length > TEXT_MAX) throw new Error(`the text of a wire has at most ${TEXT_MAX} characters`)
    if (whyNoPackets === undefined)
      for (const each of [written, textOf(toxic, { port: 1, address: '', isUdp })])
        parseLabWire(each, { filter: compileNumericFilter, file }, isUpstream(toxic) ? 'ab' : 'ba')
  } catch (error) {
    throw new ApiError((error as Error).message, 400)
  }
}

/** Returns the `match` of a toxic for the wire of its direction; '' if it hits no connection. */
export function textOf(toxic: Toxic, { port, address, isUdp }: LinkAddress): string {
  const { type, toxicity, attributes } = toxic
  const { isOfData = false, text } = kindOf(type)
  if (text === undefined || toxicity <= 0) return ''
  const isV6 = address.includes(':')
  // The kernel's packets of these connections have neither options nor extension headers of IP.
  const data = isV6 ? 'ip6[4:2] - ((ip6[52] & 240) >> 2) > 0' : 'ip[2:2] - ((ip[32] & 240) >> 2) > 20'
  const only = isOfData && !isUdp ? ` and ${data}` : ''
  const filter = `${isUdp ? 'udp' : 'tcp'} ${isUpstream(toxic) ? 'dst' : 'src'} port ${port}${only}`
  // Ethernet, IP, and UDP or TCP with timestamps.
  const headers = 14 + (isV6 ? 40 : 20) + (isUdp ? 8 : 32)
  return `match '${filter}' ${toxicity < 1 ? `flow ${formatShare(toxicity)} ` : ''}( ${text(attributes, headers)} )`
}
