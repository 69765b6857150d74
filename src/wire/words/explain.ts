/** Explains the words of a wire in plain English, a line a stage. */
import { formatDuration, formatRate, formatShare, formatSize } from '../units.ts'
import type { Direction, LimitSpec } from '../wire.ts'
import { readWords } from './grammar.ts'
import { type FaultPhrase, type Group, isLimited, type LossPhrase, type Phrase, type Queue } from './phrase.ts'

/** Returns a line for each stage of `words`, in their order. Throws a UsageError. */
export function explainWire(words: string, direction: Direction = 'ab'): string[] {
  return explainGroups(readWords(words, direction), '')
}

function explainGroups(groups: readonly Group[], indent: string): string[] {
  return groups.flatMap(({ items, limit }) => {
    const last = items.findLastIndex(({ phrase }) => isLimited(phrase))
    return items.flatMap(({ phrase }, i) => {
      const holders = items.filter(item => isLimited(item.phrase)).length
      const bound = i === last ? explainLimit(limit, holders) : ''
      const line = `${indent}${explain(phrase)}${bound}`
      if (phrase.kind !== 'match') return [line]
      const others = phrase.others.length === 0 ? [] : [`${indent}all other packets:`]
      return [
        ...[line, ...explainGroups(phrase.matching, `${indent}  `)],
        ...[...others, ...explainGroups(phrase.others, `${indent}  `)],
      ]
    })
  })
}

function explainLimit(limit: LimitSpec = { packets: 1000 }, holders: number): string {
  const most = limit.packets === undefined ? formatSize(limit.bytes ?? 0) : `${limit.packets} packets`
  return `; ${holders > 1 ? 'these stages together hold' : 'holds'} at most ${most}`
}

function explain(phrase: Phrase): string {
  switch (phrase.kind) {
    case 'partition':
      return 'drops all packets, as partition'
    case 'blackhole':
      return 'drops all packets, as blackhole'
    case 'hold':
      return 'holds all packets until it is taken out'
    case 'mtu':
      return `drops IP packets of more than ${phrase.bytes} bytes${phrase.icmp ? ', and sends ICMP "too big"' : ''}`
    case 'fault':
      return explainFault(phrase)
    case 'match':
      return `for packets that match '${phrase.filter}':`
    case 'loss':
      return explainLoss(phrase)
    case 'duplicate':
      return `sends ${formatShare(phrase.share)} of the packets twice${correlated(phrase.correlation)}`
    case 'corrupt': {
      const what = phrase.at === undefined ? 'flips one bit' : `inverts the byte at ${phrase.at}`
      return `${what} of ${formatShare(phrase.share)} of the packets${correlated(phrase.correlation)}`
    }
    case 'truncate':
      return `cuts ${formatShare(phrase.share)} of the packets to ${phrase.bytes} bytes`
    case 'rate': {
      const { bits, overhead, cell, cellOverhead, burst = 0, queue } = phrase
      const line = overhead === 0 ? '' : `, with ${overhead} bytes more for each`
      const cells = cell === 0 ? '' : `, in cells of ${cell} bytes and ${cellOverhead} more for each`
      const bursts = burst === 0 ? '' : `, at most ${formatSize(burst)} at once`
      return `lets packets leave at ${formatRate(bits)}${line}${cells}${bursts}${explainQueue(queue)}`
    }
    case 'trace': {
      const end = phrase.once ? ', once' : ', again and again'
      return `lets 1500 bytes leave at each time in ${phrase.file}${end}${explainQueue(phrase.queue)}`
    }
    case 'delay': {
      const { time, jitter, correlation, distribution, reorder } = phrase
      const how = jitter === 0 ? '' : ` +- ${formatDuration(jitter)}, ${distribution}${correlated(correlation)}`
      const order = jitter === 0 ? '' : ', in order'
      const ahead =
        reorder === undefined ? order : `; ${formatShare(reorder.share)} leave at once, ahead of those before them`
      return `delays packets by ${formatDuration(time)}${how}${ahead}`
    }
    case 'slot': {
      const { min, max, distribution, packets, bytes } = phrase
      const every =
        distribution === undefined
          ? `${formatDuration(min)}${max === min ? '' : ` to ${formatDuration(max)}`}`
          : `${formatDuration(distribution.delay)} +- ${formatDuration(distribution.jitter)}, ${distribution.name}`
      const most = [packets !== 0 && `${packets} packets`, bytes !== 0 && formatSize(bytes)].filter(Boolean)
      return `lets packets leave in slots every ${every}${most.length === 0 ? '' : `, at most ${most.join(' and ')} each`}`
    }
  }
}

function explainFault({ action, time = 0, filter, when: { first, nth, every, after } }: FaultPhrase): string {
  const verbs = {
    drop: 'drops',
    duplicate: 'duplicates',
    corrupt: 'changes a bit of',
    reset: 'resets the TCP connection of, and drops,',
    delay: `delays by ${formatDuration(time)}`,
  }
  let which = 'all packets'
  if (first !== undefined) which = first === 1 ? 'the first packet' : `the first ${first} packets`
  else if (nth !== undefined) which = `packet number ${nth}`
  else if (every !== undefined && every > 1) which = `every packet whose number is a multiple of ${every}`
  const among = filter === '' ? '' : ` of those that match '${filter}'`
  const from = after === undefined ? '' : `, from ${formatDuration(after)} after the first packet on`
  return `${verbs[action]} ${which}${among}${from}`
}

function explainLoss({ model, ecn }: LossPhrase): string {
  const verb = ecn ? 'marks (ECN), or drops where it cannot,' : 'drops'
  switch (model.type) {
    case 'random':
      return `${verb} ${formatShare(model.share)} of the packets at random${correlated(model.correlation)}`
    case 'burst':
      return `${verb} ${formatShare(model.share)} of the packets, in bursts of ${model.mean} on average`
    case 'every':
      return `${verb} every packet whose number is a multiple of ${model.n}`
    case 'state':
      return `${verb} packets by four states, p13 p31 p32 p23 p14 = ${model.p.map(formatShare).join(' ')}`
    case 'gemodel':
      return `${verb} packets by the Gilbert-Elliott model, p r 1-h 1-k = ${model.p.map(formatShare).join(' ')}`
  }
}

function explainQueue(queue: Queue | undefined): string {
  switch (queue?.type) {
    case 'drophead':
      return ', from a queue that drops its oldest packets'
    case 'red':
      return `, from a queue that drops early and at random (RED${queue.ecn ? ', ECN' : ''})`
    case 'codel':
      return `, from a queue that drops what waited too long (CoDel${queue.ecn ? ', ECN' : ''})`
    default:
      return ''
  }
}

function correlated(correlation: number): string {
  return correlation === 0 ? '' : `, correlated by ${formatShare(correlation)}`
}
