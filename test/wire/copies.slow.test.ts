/** How long a wire knows how many frames a held frame has become. */
import { expect, test } from 'vitest'
import { duplicate } from '#src/wire/stages/duplicate.ts'
import { hold } from '#src/wire/stages/gates.ts'
import { match } from '#src/wire/stages/match.ts'
import { testWires } from '#support/wire.ts'

const makeWire = testWires()

test.each([
  [2 ** 18 - 1, 0],
  [2 ** 18, 2],
])(
  'a frame that was held while %i others were copied is refused %i more copies',
  (others, expected) => {
    const gate = hold()
    let isFirst = true
    const first = () => isFirst
    const stages = [duplicate(1), match(first, [gate]), match(first, [duplicate(1)])]
    const wire = makeWire(stages, { receive: () => {}, poison: false })
    wire.send(1)
    isFirst = false
    wire.send(others)
    isFirst = true
    gate.release()
    const refused = wire.chain.report().reduce((n, { drops }) => n + (drops.copies ?? 0), 0)
    expect(refused).toBe(expected)
  },
)
