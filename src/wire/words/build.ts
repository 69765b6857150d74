/** Makes the stages of phrases. */
import type { WireResources } from '../../netdev/device-wire.ts'
import { UsageError } from '../../netdev/driver.ts'
import { delay } from '../delay.ts'
import { loss } from '../loss.ts'
import type { Impairment, LimitSpec } from '../wire.ts'
import { type Group, type Item, isLimited, type Phrase } from './phrase.ts'
import { printGroup } from './print.ts'
import { wordsError } from './words-error.ts'

/** Returns the stages of groups. Throws a UsageError that points at the words of a wrong stage. */
export function buildGroups(groups: readonly Group[], resources: WireResources): Impairment[] {
  return groups.flatMap(group => {
    const limit = limitOf(group)
    const words = printGroup(group)
    return group.items
      .map((item, i) => ({ impairment: built(item, limit, resources), words: words[i] }))
      .map(({ impairment, words }) => Object.assign(impairment, { words }))
  })
}

/**
 * The limit that the stages of a group share. A single stage without `limit` has none of its own:
 * it then uses its default, and a delay may pass GSO frames whole.
 */
function limitOf({ items, limit }: Group): LimitSpec | undefined {
  if (limit !== undefined) return limit
  return items.filter(({ phrase }) => isLimited(phrase)).length > 1 ? { packets: 1000 } : undefined
}

function built({ phrase, words, ...span }: Item, limit: LimitSpec | undefined, resources: WireResources): Impairment {
  try {
    return build(phrase, limit, resources)
  } catch (error) {
    // An error of words inside these already points at them.
    if (!(error instanceof UsageError) || error.message.includes('\n')) throw error
    throw wordsError(words, span, error.message)
  }
}

function build(phrase: Phrase, _limit: LimitSpec | undefined, _resources: WireResources): Impairment {
  switch (phrase.kind) {
    case 'delay':
      return delay(phrase.time)
    case 'loss':
      if (phrase.model.type !== 'random') break
      return loss(phrase.model.share)
  }
  throw new UsageError(`${phrase.kind} is not possible yet`)
}
