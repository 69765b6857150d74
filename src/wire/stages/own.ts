/** stage NAME: a stage that the program or the user wrote (docs/write-a-wire.md). */
import { UsageError } from '../../base/usage-error.ts'
import type { StageValue } from '../../netdev/device-wire.ts'
import type { Cursor } from '../grammar/cursor.ts'
import type { StageKind } from '../grammar/groups.ts'
import { quote, quoted } from '../units.ts'
import type { Impairment } from '../wire.ts'

const isNumber = (text: string) =>
  /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(Number(text))

export const ownKind: StageKind<{ readonly name: string; readonly values: readonly StageValue[] }> =
  {
    kind: 'stage',
    repeats: true,
    read(c) {
      const name = c.value(
        'stage needs the name of a function that --stage FILE exports',
        text => text,
      )
      const values: StageValue[] = []
      while (c.atNumber || c.peek()?.quoted === true) {
        values.push(readValue(c))
      }
      return { name, values }
    },
    print: ({ name, values }) => ['stage', quote(name), ...values.map(printValue)].join(' '),
    build({ name, values }, { resources }) {
      if (resources.stage === undefined) {
        throw new UsageError(`stage ${name}: own stages are not taken here`)
      }
      return resources.stage(name, values) as Impairment
    },
  }

/** A number without a unit is a number; one with a unit, or a text in quotes, is text. */
function readValue(c: Cursor): StageValue {
  const isQuoted = c.peek()?.quoted === true
  return c.value('', text => (!isQuoted && isNumber(text) ? Number(text) : text))
}

function printValue(value: StageValue): string {
  if (typeof value === 'number') return `${value}`
  return /^[-+.]?\d[^\s()|'"]*$/.test(value) && !isNumber(value) && value !== '5g'
    ? value
    : quoted(value)
}
