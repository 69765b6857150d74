/** Prints phrases in words, in the shortest form that is read as the same. */

import type { LossParams } from '../stages/loss-models.ts'
import { formatDuration, formatRate, formatShare, formatSize } from '../units.ts'
import type { LimitSpec } from '../wire.ts'
import { type FaultPhrase, type Group, isLimited, type Phrase, type Queue, type SlotPhrase } from './phrase.ts'
import { quote, quoted } from './tokens.ts'

/** Returns the words of groups. */
export function printGroups(groups: readonly Group[]): string {
  return groups.map(group => printGroup(group).join(' ')).join(' | ')
}

/** Returns the words of each stage of a group. The last that the limit bounds has its word. */
export function printGroup({ items, limit }: Group): string[] {
  const last = items.findLastIndex(({ phrase }) => isLimited(phrase))
  return items.map(({ phrase }, i) => join([print(phrase), i === last && printLimit(limit)]))
}

function printLimit(limit: LimitSpec | undefined): string | undefined {
  if (limit === undefined) return undefined
  return limit.packets === undefined ? `limit ${formatSize(limit.bytes ?? 0)}` : `limit ${limit.packets}`
}

/** Returns the words of one stage. */
export function print(phrase: Phrase): string {
  switch (phrase.kind) {
    case 'mtu':
      return join([`mtu ${phrase.bytes}`, phrase.icmp && 'icmp'])
    case 'fault':
      return printFault(phrase)
    case 'match': {
      const others = phrase.others.length > 0 && `else ${printBranch(phrase.others)}`
      return join([`match ${quoted(phrase.filter)} ${printBranch(phrase.matching)}`, others])
    }
    case 'loss':
      return join([`loss ${printLossModel(phrase.model)}`, phrase.ecn && 'ecn'])
    case 'duplicate':
      return trimmed('duplicate', [phrase.share, phrase.correlation], [undefined, 0], formatShare)
    case 'corrupt': {
      const at = phrase.at !== undefined && `at ${phrase.at}`
      if (at !== false && phrase.share === 1 && phrase.correlation === 0) return `corrupt ${at}`
      return join([trimmed('corrupt', [phrase.share, phrase.correlation], [undefined, 0], formatShare), at])
    }
    case 'truncate':
      return join([`truncate ${phrase.bytes}`, phrase.share !== 1 && formatShare(phrase.share)])
    case 'rate': {
      const { bits, overhead, cell, cellOverhead, burst, queue } = phrase
      const rate = trimmed(`rate ${formatRate(bits)}`, [overhead, cell, cellOverhead], [0, 0, 0], String)
      return join([rate, burst !== undefined && `burst ${formatSize(burst)}`, queue && printQueue(queue)])
    }
    case 'trace':
      return join([`trace ${quote(phrase.file)}`, phrase.once && 'once', phrase.queue && printQueue(phrase.queue)])
    case 'delay': {
      const { time, jitter, correlation, distribution, reorder } = phrase
      const times = correlation === 0 ? [time, jitter] : [time, jitter, Number.NaN]
      const text = trimmed('delay', times, [undefined, distribution === 'uniform' ? 0 : undefined], ns =>
        Number.isNaN(ns) ? formatShare(correlation) : formatDuration(ns),
      )
      return join([
        ...[text, distribution !== 'uniform' && `distribution ${quote(distribution)}`],
        reorder && trimmed('reorder', [reorder.share, reorder.correlation], [undefined, 0], formatShare),
        reorder && reorder.gap !== 1 && `gap ${reorder.gap}`,
      ])
    }
    case 'slot':
      return printSlot(phrase)
    default:
      return phrase.kind
  }
}

function printFault({ action, time, filter, when }: FaultPhrase): string {
  const { first, nth, every, after } = when
  return join([
    ...[action, time !== undefined && formatDuration(time), filter !== '' && quoted(filter)],
    ...[first !== undefined && `first ${first}`, nth !== undefined && `nth ${nth}`],
    ...[every !== undefined && `every ${every}`, after !== undefined && `after ${formatDuration(after)}`],
  ])
}

function printBranch(groups: readonly Group[]): string {
  return groups.length === 0 ? '( )' : `( ${printGroups(groups)} )`
}

function printLossModel(model: LossParams): string {
  switch (model.model) {
    case 'state': {
      const { p13, p31, p32, p23, p14 } = model
      return trimmed('state', [p13, p31, p32, p23, p14], [undefined, 1 - p13, 0, 1, 0], formatShare)
    }
    case 'gemodel': {
      const { p, r, h, k } = model
      return trimmed('gemodel', [p, r, h, k], [undefined, 1 - p, 1, 0], formatShare)
    }
    case 'every':
      return `every ${model.n}`
    case 'burst':
      return `${formatShare(model.share)} burst ${model.mean}`
    case 'random':
      return join([formatShare(model.share), model.correlation !== 0 && formatShare(model.correlation)])
  }
}

/** Returns the words of a queue discipline. */
export function printQueue(queue: Queue): string {
  if (queue.type === 'red') {
    const { min, max, probability, ecn } = queue
    return join([
      ...['red', min !== undefined && `min ${formatSize(min)}`, max !== undefined && `max ${formatSize(max)}`],
      ...[probability !== undefined && `probability ${formatShare(probability)}`, ecn && 'ecn'],
    ])
  }
  if (queue.type !== 'codel') return queue.type
  const { target, interval, ecn } = queue
  return join([
    ...['codel', target !== undefined && `target ${formatDuration(target)}`],
    ...[interval !== undefined && `interval ${formatDuration(interval)}`, ecn && 'ecn'],
  ])
}

function printSlot({ min, max, distribution, packets, bytes }: SlotPhrase): string {
  const times =
    distribution === undefined
      ? [formatDuration(min), max !== min && formatDuration(max)]
      : [
          'distribution',
          quote(distribution.name),
          formatDuration(distribution.delay),
          formatDuration(distribution.jitter),
        ]
  return join(['slot', ...times, packets !== 0 && `packets ${packets}`, bytes !== 0 && `bytes ${formatSize(bytes)}`])
}

/** Prints numbers up to the last that is not its default. */
function trimmed(
  word: string,
  values: readonly number[],
  defaults: readonly (number | undefined)[],
  format: (value: number) => string,
): string {
  const last = values.findLastIndex((value, i) => value !== defaults[i])
  return [word, ...values.slice(0, last + 1).map(format)].join(' ')
}

function join(parts: readonly (string | false | undefined)[]): string {
  return parts.filter(part => part !== false && part !== undefined && part !== '').join(' ')
}
