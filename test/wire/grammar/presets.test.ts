import { describe, expect, test } from 'vitest'
import { PRESETS, parseWire } from '#src/wire/parse.ts'

/** The words of the stages of a preset, joined. */
const textOf = (text: string, direction: 'ab' | 'ba') =>
  parseWire(text, undefined, direction)
    .map(stage => stage.text)
    .join(' | ')

describe.each([...PRESETS])('preset %s', (name, { up, down }) => {
  test('a preset has its uplink from a to b, and its downlink back', () => {
    expect(textOf(`preset ${name}`, 'ab')).toBe(up)
    expect(textOf(`preset ${name}`, 'ba')).toBe(down)
  })
})

test('a preset may have other stages before and after it', () => {
  const { up } = PRESETS.get('dial-up') ?? { up: '' }
  expect(textOf('loss 1% | preset dial-up | delay 1ms', 'ab')).toBe(`loss 1% | ${up} | delay 1ms`)
})
