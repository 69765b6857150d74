/** Reads the words of each stage but faults: one function a word, called behind it. */
import { UsageError } from '../../base/usage-error.ts'
import type { LossParams } from '../stages/loss-models.ts'
import { formatShare, parseDuration, parseRate, parseShare, parseSize } from '../units.ts'
import { type Cursor, meanLength, whole } from './cursor.ts'
import type { Phrase, Queue, RatePhrase } from './phrase.ts'

const count = whole('a count')
const overhead = whole('an overhead in bytes', Number.MIN_SAFE_INTEGER)

export function readDelay(c: Cursor): Phrase {
  const time = c.duration('delay needs a time: delay 20ms')
  const jitters = c.atNumber
  const jitter = c.optional(parseDuration, 0)
  const correlation = jitters ? c.optional(parseShare, 0) : 0
  let distribution = 'uniform'
  const word = c.peek()
  if (c.takes('distribution')) {
    if (!jitters) throw c.error('a distribution needs a jitter: delay 20ms 5ms distribution normal', word)
    distribution = readDistribution(c)
  }
  return { kind: 'delay', time, jitter, correlation, distribution }
}

export function readReorder(c: Cursor): { share: number; correlation: number; gap: number } {
  const share = c.share('reorder needs a percentage: reorder 25%')
  const correlation = c.optional(parseShare, 0)
  return { share, correlation, gap: c.takes('gap') ? c.value('gap needs a number of packets: gap 5', count) : 1 }
}

export function readLoss(c: Cursor): Phrase {
  const model = readLossModel(c)
  return { kind: 'loss', model, ecn: c.takes('ecn') }
}

function readLossModel(c: Cursor): LossParams {
  if (c.takes('state')) {
    const p13 = c.share('loss state needs the percentage p13: loss state 1%')
    const defaults = [1 - p13, 0, 1, 0] as const
    const [p31, p32, p23, p14] = defaults.map(absent => c.optional(parseShare, absent))
    return { model: 'state', p13, p31, p32, p23, p14 }
  }
  if (c.takes('gemodel')) {
    const p = c.share('loss gemodel needs the percentage p: loss gemodel 1%')
    const [r, h, k] = [1 - p, 1, 0].map(absent => c.optional(parseShare, absent))
    return { model: 'gemodel', p, r, h, k }
  }
  if (c.takes('every')) return { model: 'every', n: c.value('every needs a number of packets: loss every 10', count) }
  if (c.takes('burst')) {
    const mean = c.value('burst needs a mean number of packets: loss 1% burst 5', meanLength)
    return { model: 'burst', share: c.share('loss burst needs a percentage: loss burst 5 1%'), mean }
  }
  c.takes('random')
  const share = c.share('loss needs a percentage, or state, gemodel, burst or every: loss 1%')
  const correlation = c.optional(parseShare, 0)
  if (correlation === 0 && c.takes('burst')) {
    return { model: 'burst', share, mean: c.value('burst needs a mean number of packets: loss 1% burst 5', meanLength) }
  }
  return { model: 'random', share, correlation }
}

export function readDuplicate(c: Cursor): Phrase {
  const share = c.share('duplicate needs a percentage: duplicate 1%')
  return { kind: 'duplicate', share, correlation: c.optional(parseShare, 0) }
}

export function readCorrupt(c: Cursor): Phrase {
  const share = c.is('at') ? 1 : c.share('corrupt needs a percentage or a place: corrupt 1%, corrupt at 14')
  const correlation = c.optional(parseShare, 0)
  if (!c.takes('at')) return { kind: 'corrupt', share, correlation }
  return {
    kind: 'corrupt',
    share,
    correlation,
    at: c.value('at needs the offset of a byte: at 14', whole('an offset', 0)),
  }
}

export function readTruncate(c: Cursor): Phrase {
  const bytes = c.value('truncate needs a number of bytes: truncate 64', parseSize)
  return { kind: 'truncate', bytes, share: c.optional(parseShare, 1) }
}

export function readRate(c: Cursor): Phrase {
  const phrase: RatePhrase = {
    kind: 'rate',
    bits: c.value('rate needs a rate: rate 10mbit', parseRate),
    overhead: c.optional(overhead, 0),
    cell: c.optional(whole('a cell size in bytes', 0), 0),
    cellOverhead: c.optional(overhead, 0),
  }
  return c.takes('burst') ? { ...phrase, burst: c.value('burst needs a size: burst 15kb', parseSize) } : phrase
}

export function readTrace(c: Cursor): Phrase {
  const file = c.value('trace needs a file: trace verizon.up', text => text)
  return { kind: 'trace', file, once: c.takes('once') }
}

export function readSlot(c: Cursor): Phrase {
  if (c.takes('distribution')) {
    const name = readDistribution(c)
    const delay = c.duration('slot distribution needs a delay and a jitter: slot distribution normal 10ms 2ms')
    const jitter = c.duration('slot distribution needs a jitter: slot distribution normal 10ms 2ms')
    return { kind: 'slot', min: 0, max: 0, distribution: { name, delay, jitter }, ...readSlotBounds(c) }
  }
  const min = c.duration('slot needs a time: slot 10ms')
  const place = c.peek()
  const max = c.optional(parseDuration, min)
  if (max < min) throw c.error('the longest time of a slot is shorter than its shortest', place)
  return { kind: 'slot', min, max, ...readSlotBounds(c) }
}

function readSlotBounds(c: Cursor): { packets: number; bytes: number } {
  let packets = 0
  let bytes = 0
  while (c.is('packets') || c.is('bytes')) {
    if (c.takes('packets')) packets = c.value('packets needs a number: packets 16', count)
    else if (c.takes('bytes')) bytes = c.value('bytes needs a size: bytes 64kb', parseSize)
  }
  return { packets, bytes }
}

function readDistribution(c: Cursor): string {
  return c.value('distribution needs uniform, normal, pareto, paretonormal or a file', text => text)
}

export function readMtu(c: Cursor): Phrase {
  const bytes = c.value('mtu needs a number of bytes: mtu 1400', whole('an MTU', 68, 65535))
  return { kind: 'mtu', bytes, icmp: c.takes('icmp') }
}

export function readLimit(c: Cursor): { packets: number } | { bytes: number } {
  return c.value('limit needs packets or a size: limit 100, limit 64kb', text => {
    if (/^\d+$/.test(text)) return { packets: count(text) }
    const bytes = parseSize(text)
    if (bytes < 1) throw new UsageError(`'${text}' leaves no room for a packet`)
    return { bytes }
  })
}

export function readRed(c: Cursor): Queue {
  const red: { min?: number; max?: number; probability?: number } = {}
  const minPlace = c.peek()
  while (c.is('min') || c.is('max') || c.is('probability')) {
    if (c.takes('min')) red.min = c.value('min needs a size: min 30kb', parseSize)
    else if (c.takes('max')) red.max = c.value('max needs a size: max 90kb', parseSize)
    else if (c.takes('probability')) {
      red.probability = c.share('probability needs a percentage: probability 2%')
      if (red.probability === 0) throw c.error(`a probability of ${formatShare(0)} never drops`, c.last)
    }
  }
  if (red.min !== undefined && red.max !== undefined && red.max <= red.min) {
    throw c.error('the maximum of red is not above its minimum', minPlace)
  }
  return { type: 'red', ...red, ecn: c.takes('ecn') }
}

export function readCodel(c: Cursor): Queue {
  const codel: { target?: number; interval?: number } = {}
  while (c.is('target') || c.is('interval')) {
    if (c.takes('target')) codel.target = c.duration('target needs a time: target 5ms')
    else if (c.takes('interval')) codel.interval = c.duration('interval needs a time: interval 100ms')
  }
  return { type: 'codel', ...codel, ecn: c.takes('ecn') }
}
