/** Builds the stages that phrases describe. */

import { UsageError } from '../../base/usage-error.ts'
import type { WireResources } from '../../netdev/device-wire.ts'
import { codel } from '../stages/codel.ts'
import { corrupt } from '../stages/corrupt.ts'
import { delay } from '../stages/delay.ts'
import { DISTRIBUTIONS, type Distribution, parseTable } from '../stages/distribution.ts'
import { duplicate } from '../stages/duplicate.ts'
import { fault } from '../stages/fault.ts'
import { blackhole, hold, partition } from '../stages/gates.ts'
import { loss, lossEvery, lossGemodel, lossState } from '../stages/loss.ts'
import { match } from '../stages/match.ts'
import { mtu } from '../stages/mtu.ts'
import type { QueueKind } from '../stages/queue.ts'
import { rate } from '../stages/rate.ts'
import { red } from '../stages/red.ts'
import { slot } from '../stages/slot.ts'
import { trace } from '../stages/trace.ts'
import { truncate } from '../stages/truncate.ts'
import type { Impairment, LimitSpec } from '../wire.ts'
import { pointing } from './error.ts'
import { type FaultPhrase, type Group, isLimited, type LossPhrase, type Phrase, type Queue } from './phrase.ts'
import { printGroup } from './print.ts'

/** Bytes of a packet, where RED's defaults are derived from a limit in packets. */
const USUAL_PACKET = 1500

/** Returns the stages of groups. Throws a UsageError that points at the words of a wrong stage. */
export function buildGroups(groups: readonly Group[], resources: WireResources): Impairment[] {
  return groups.flatMap(group => {
    const words = printGroup(group)
    const limit = limitOf(group)
    return group.items.map((item, i) => {
      const stage = pointing(item.words, item, () => build(item.phrase, limit, resources))
      // A whole GSO frame could exceed a limit that was asked for.
      const takesGso = stage.takesGso === true && group.limit === undefined
      return Object.assign(stage, { words: words[i], takesGso })
    })
  })
}

/** Returns the limit that the stages of a group share; a single stage has its own by default. */
function limitOf({ items, limit }: Group): LimitSpec | undefined {
  if (limit !== undefined) return limit
  return items.filter(({ phrase }) => isLimited(phrase)).length > 1 ? { packets: 1000 } : undefined
}

function build(phrase: Phrase, limit: LimitSpec | undefined, resources: WireResources): Impairment {
  const limited = limit !== undefined && { limit }
  switch (phrase.kind) {
    case 'partition':
      return partition()
    case 'blackhole':
      return blackhole()
    case 'hold':
      return hold({ ...limited })
    case 'mtu':
      return mtu(phrase.bytes, { icmp: phrase.icmp })
    case 'fault':
      return buildFault(phrase, resources)
    case 'match': {
      const filter = resources.filter(phrase.filter)
      return match(filter, buildGroups(phrase.matching, resources), buildGroups(phrase.others, resources))
    }
    case 'loss':
      return buildLoss(phrase)
    case 'duplicate':
      return duplicate(phrase.share, { correlation: phrase.correlation })
    case 'corrupt': {
      const { share, correlation, at } = phrase
      return corrupt(share, at === undefined ? { correlation } : { correlation, at })
    }
    case 'truncate':
      return truncate(phrase.bytes, phrase.share)
    case 'rate': {
      const { bits, overhead, cell, cellOverhead, burst = 0, queue } = phrase
      return rate(bits, { overhead, cell, cellOverhead, burst, queue: queueOf(queue, limit), ...limited })
    }
    case 'trace': {
      const options = { once: phrase.once, queue: queueOf(phrase.queue, limit), ...limited }
      return fromFile(phrase.file, resources, text => trace(text, options))
    }
    case 'delay': {
      const { time, jitter, correlation, reorder } = phrase
      const distribution = distributionOf(phrase.distribution, resources)
      return delay(time, {
        ...{ jitter, correlation, distribution },
        ...(reorder !== undefined && { reorder }),
        ...limited,
      })
    }
    case 'slot': {
      const { min, max, distribution, packets, bytes } = phrase
      if (distribution === undefined) return slot({ min, max, packets, bytes, ...limited })
      const { name, delay, jitter } = distribution
      return slot({ distribution: distributionOf(name, resources), delay, jitter, packets, bytes, ...limited })
    }
  }
}

function buildLoss({ model, ecn }: LossPhrase): Impairment {
  switch (model.model) {
    case 'random':
      return loss(model.share, { correlation: model.correlation, ecn })
    case 'burst':
      return loss(model.share, { burst: model.mean, ecn })
    case 'state':
      return lossState(model, { ecn })
    case 'gemodel':
      return lossGemodel(model, { ecn })
    case 'every':
      return lossEvery(model.n, { ecn })
  }
}

/** Returns a distribution by its name, or that of a file. */
function distributionOf(name: string, resources: WireResources): Distribution {
  const known = DISTRIBUTIONS.find(distribution => distribution === name)
  return known ?? fromFile(name, resources, parseTable, `distribution needs ${DISTRIBUTIONS.join(', ')} or a file; `)
}

/** Parses a file; an error names the file. If it cannot be read, the error begins with `needs`. */
function fromFile<T>(path: string, resources: WireResources, parse: (text: string) => T, needs = ''): T {
  const asked = (prefix: string, error: unknown) =>
    error instanceof UsageError ? new UsageError(prefix + error.message) : error
  let text: string
  try {
    text = resources.file(path)
  } catch (error) {
    throw asked(needs, error)
  }
  try {
    return parse(text)
  } catch (error) {
    throw asked(`${path}: `, error)
  }
}

function buildFault({ action, time = 0, filter, when }: FaultPhrase, resources: WireResources): Impairment {
  const matches = filter === '' ? undefined : resources.filter(filter)
  return fault(action === 'delay' ? { delay: time } : action, matches, when)
}

/** RED's default thresholds are those of tc-red(8): a quarter of the limit, and a third of that. */
function queueOf(queue: Queue | undefined, { packets = 1000, bytes }: LimitSpec = {}): QueueKind {
  switch (queue?.type) {
    case 'drophead':
      return 'head'
    case 'red': {
      const { type: _, min, ...options } = queue
      const max = queue.max ?? (min === undefined ? (bytes ?? packets * USUAL_PACKET) / 4 : 3 * min)
      return red({ ...options, min: min ?? max / 3, max })
    }
    case 'codel': {
      const { type: _, ...options } = queue
      return codel(options)
    }
    default:
      return 'tail'
  }
}
