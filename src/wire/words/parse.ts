/** The words of a wire, `delay 20ms loss 1%`, as impairments. */
import type { WireResources } from '../../netdev/device-wire.ts'
import { UsageError } from '../../netdev/driver.ts'
import { parseDuration, parseShare } from '../../wire/units.ts'
import { delay } from '../delay.ts'
import { loss } from '../loss.ts'
import type { Impairment } from '../wire.ts'

/** Returns the stages that `words` describe. Throws a UsageError that points at a wrong word. */
export function parseWire(words: string, _resources?: WireResources): Impairment[] {
  const tokens = words.split(/\s+/).filter(Boolean)
  const stages: Impairment[] = []
  while (tokens.length > 0) {
    const [word, value = ''] = tokens.splice(0, 2)
    if (word === 'delay') stages.push(delay(parseDuration(value)))
    else if (word === 'loss') stages.push(loss(parseShare(value)))
    else throw new UsageError(`'${word}' is no word of a wire`)
  }
  return stages
}
