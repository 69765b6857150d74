import { describe, expect, test } from 'vitest'
import { FileError, UsageError } from '#src/base/usage-error.ts'
import { parseScenario } from '#src/wire/scenario-file.ts'

/** Takes `bad` for a wrong word. */
function parse(text: string, direction: 'ab' | 'ba'): string {
  if (text.includes('bad')) throw new UsageError(`'bad' is not a word of a wire\n  ${text}`)
  return `${direction}: ${text}`
}

const read = (text: string) => parseScenario(text, 'link.yaml', parse)

/** Returns the lines of the error. */
function problemsOf(text: string): string[] {
  try {
    read(text)
  } catch (error) {
    expect(error).toBeInstanceOf(FileError)
    return (error as Error).message.split('\n')
  }
  throw new Error('no error')
}

test('a list of steps is read, with specs for one direction or both', () => {
  const text = `
- at: 0s
  wire: delay 20ms
- at: 1.5s
  wire-ab: loss 5%
- at: 2min
  wire: off
  carrier: off
- at: 1h
  carrier: on
`
  expect(read(text)).toEqual({
    repeat: undefined,
    steps: [
      { at: 0, ab: 'ab: delay 20ms', ba: 'ba: delay 20ms' },
      { at: 1.5e9, ab: 'ab: loss 5%', ba: undefined },
      { at: 120e9, ab: 'ab: ', ba: 'ba: ', carrier: false },
      { at: 3600e9, ab: undefined, ba: undefined, carrier: true },
    ],
  })
})

test('a mapping has steps and the length of a round', () => {
  const text =
    'repeat: 10s\nsteps:\n  - { at: 0ms, carrier: false }\n  - { at: 500ms, carrier: true }\n'
  expect(read(text)).toMatchObject({
    repeat: 10e9,
    steps: [
      { at: 0, carrier: false },
      { at: 500e6, carrier: true },
    ],
  })
})

describe('mistakes', () => {
  test.each([
    [
      '- at: 10\n  carrier: off\n',
      "link.yaml:1:7: [0].at: expected a time in us, ms, s, min or h, such as 10s, got '10'",
    ],
    [
      '- at: 5m\n  carrier: off\n',
      "link.yaml:1:7: [0].at: expected a time in us, ms, s, min or h, such as 10s, got '5m'",
    ],
    ['- carrier: off\n', 'link.yaml:1:3: [0]: at is missing'],
    ['- at: 1s\n', 'link.yaml:1:3: [0]: it changes nothing: add wire or carrier'],
    ['- at: 1s\n  wire: bad 5%\n', "link.yaml:2:9: [0].wire: 'bad' is not a word of a wire"],
    ['- at: 1s\n  wire-ba: bad\n', "link.yaml:2:12: [0].wire-ba: 'bad' is not a word of a wire"],
    [
      '- at: 1s\n  carrier: maybe\n',
      "link.yaml:2:12: [0].carrier: expected true or false or on, off, got 'maybe'",
    ],
    [
      '- at: 2s\n  carrier: on\n- at: 1s\n  carrier: off\n',
      'link.yaml:3:7: [1].at: it is before the step above: sort the steps by their times',
    ],
    [
      'repeat: 1s\nsteps:\n  - at: 1s\n    carrier: on\n',
      'link.yaml:3:9: steps[0].at: it is not within a round of 1s',
    ],
    ['- at: 1s\n  carier: on\n', /^link.yaml:2:3: \[0\].carier: unknown key \(known: at, wire,/],
    ['', 'link.yaml: it has no steps'],
    ['steps: []\n', 'link.yaml: it has no steps'],
    ['repeat: 1s\n', 'link.yaml:1:1: steps is missing'],
  ])('the mistake in %j is reported with its line and column', (text, line) => {
    const lines = problemsOf(text)
    if (typeof line === 'string') {
      expect(lines).toEqual([line])
    } else {
      expect(lines).toEqual([expect.stringMatching(line)])
    }
  })

  test('a mistake in each step is reported', () => {
    const lines = problemsOf('- at: 1s\n  wire: bad\n- at: 2s\n  wire: bad\n')
    expect(lines.map(line => line.split(' ')[0])).toEqual(['link.yaml:2:9:', 'link.yaml:4:9:'])
  })
})
