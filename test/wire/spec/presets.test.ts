import { describe, expect, test } from 'vitest'
import { parseWire } from '../../../src/wire/parse.ts'
import { PRESETS } from '../../../src/wire/spec/presets.ts'

/** The words of the stages of a preset, joined. */
const wordsOf = (words: string, direction: 'ab' | 'ba') =>
  parseWire(words, undefined, direction)
    .map(stage => stage.words)
    .join(' | ')

describe.each([...PRESETS])('preset %s', (name, { up, down }) => {
  test('has the words of its uplink from a to b, and of its downlink back', () => {
    expect(wordsOf(`preset ${name}`, 'ab')).toBe(up)
    expect(wordsOf(`preset ${name}`, 'ba')).toBe(down)
  })
})

test('a preset may have other stages in front of it and behind it', () => {
  const { up } = PRESETS.get('dial-up') ?? { up: '' }
  expect(wordsOf('loss 1% | preset dial-up | delay 1ms', 'ab')).toBe(`loss 1% | ${up} | delay 1ms`)
})
