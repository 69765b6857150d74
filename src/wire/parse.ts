/** The words of a wire, `delay 20ms loss 1%`, as impairments. */

import { UsageError } from '../base/usage-error.ts'
import type { WireResources } from '../netdev/device-wire.ts'
import { buildGroups } from './spec/build.ts'
import { readWords } from './spec/grammar.ts'
import type { Direction, Impairment } from './wire.ts'

/** There are neither filters nor files. */
export const noResources: WireResources = {
  filter: text => {
    throw new UsageError(`filter '${text}': filters cannot be compiled here`)
  },
  file: path => {
    throw new UsageError(`${path}: files cannot be read here`)
  },
}

/**
 * Returns the stages that `words` describe, each with its own words. A preset has other stages in
 * each direction. Throws a UsageError of three lines: what is wrong, the words, and a caret under
 * the wrong one.
 */
export function parseWire(
  words: string,
  resources: WireResources = noResources,
  direction: Direction = 'ab',
): Impairment[] {
  return buildGroups(readWords(words, direction), resources)
}
