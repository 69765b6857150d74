/** The options of drivers whose devices are joined by a wire, and the wires that they make. */

import type { WireResources } from '../netdev/device-wire.ts'
import { type DriverContext, int, type ParamValues, text, UsageError } from '../netdev/driver.ts'
import { type WireEnd, WireSlot } from './slot.ts'

export const wireParams = {
  wire: text({
    default: undefined,
    description: 'what the wire does in both directions, in words: delay 20ms loss 1%',
  }),
  wireAb: text({ default: undefined, description: 'the same from the first interface to the second only' }),
  wireBa: text({ default: undefined, description: 'the same from the second interface to the first only' }),
  log: text({ default: undefined, description: 'file for every decision of the wire, a JSON line each' }),
  seed: int({ default: 0, description: 'seed of all random decisions of the wire; 0 takes one at random' }),
}

const noResources: WireResources = {
  filter: text => {
    throw new UsageError(`filter '${text}': filters cannot be compiled here`)
  },
  file: path => {
    throw new UsageError(`${path}: files cannot be read here`)
  },
}

/**
 * Returns the wires from `a` to `b` and back, with the stages that the parameters name. Throws a
 * UsageError if their words are wrong.
 */
export function wireSlots(
  { wire, wireAb = wire, wireBa = wire, log, seed }: ParamValues<typeof wireParams>,
  { net, wireResources = noResources }: DriverContext,
  a: WireEnd,
  b: WireEnd,
): readonly [ab: WireSlot, ba: WireSlot] {
  const decisions = log === undefined ? undefined : wireResources.log?.(log)
  const common = { net, seed: seed === 0 ? net.random.below(2 ** 31) + 1 : seed, log: decisions }
  const ab = new WireSlot({ ...common, direction: 'ab', from: a, to: b })
  const ba = new WireSlot({ ...common, direction: 'ba', from: b, to: a })
  if (wireAb !== undefined) ab.change(wireAb, wireResources)
  if (wireBa !== undefined) ba.change(wireBa, wireResources)
  return [ab, ba]
}
