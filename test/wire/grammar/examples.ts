/**
 * Random texts of stages from the examples of src/wire/words.ts, with other numbers. A new kind of
 * stage needs no generator of its own.
 */
import fc from 'fast-check'
import { UsageError } from '#src/base/usage-error.ts'
import type { WireResources } from '#src/netdev/device-wire.ts'
import { type Item, noResources, printGroups, type StageKind } from '#src/wire/grammar/groups.ts'
import { parseWire, readWireText } from '#src/wire/parse.ts'
import { WORDS } from '#src/wire/words.ts'

/** Returns the only stage of a text. */
export function stageIn(text: string): Item {
  const [group, ...groups] = readWireText(text).groups
  const [item, ...items] = group?.items ?? []
  if (item === undefined || groups.length + items.length > 0) {
    throw new Error(`not one stage: ${text}`)
  }
  return item
}

/** Every example of a stage, with its kind. A preset is not a stage. */
export const EXAMPLES: readonly (readonly [kind: StageKind, text: string])[] = Object.values(WORDS)
  .flat()
  .flatMap(({ examples }) => examples)
  .filter(text => !text.startsWith('preset '))
  .map(text => [stageIn(text).kind, text])

/** The factors of a number. Those of 1 keep it. */
const factor = fc.constantFrom(0, 0.1, 0.5, 1, 1, 1, 2, 10)

/** An example, and the same with other numbers if that is a stage, too. */
export const exampleText: fc.Arbitrary<string> = fc
  .tuple(fc.constantFrom(...EXAMPLES), fc.array(factor, { minLength: 8, maxLength: 8 }))
  .map(([[, text], factors]) => {
    let i = 0
    const varied = text.replace(
      /(?<![\w.'])\d+(\.\d+)?/g,
      number => `${Number(number) * (factors[i++] ?? 1)}`,
    )
    // As it is printed, its numbers are those that the text has exactly.
    return isStage(varied) ? printGroups(readWireText(varied).groups) : text
  })

/** Every filter, file and function of one's own. */
const resources: WireResources = {
  ...noResources,
  filter: text => Object.assign(() => true, { text }),
  file: () => '1\n2\n',
  stage: () => () => {},
}

/** Whether a text can be read and built. */
function isStage(text: string): boolean {
  try {
    parseWire(text, resources)
    return true
  } catch (error) {
    if (error instanceof UsageError) return false
    throw error
  }
}
