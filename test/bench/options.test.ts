import { describe, expect, test } from 'vitest'
import { parseOptions, UsageError } from '../../bench/options.mjs'

describe('parseOptions', () => {
  test('without arguments means every part, candidate and metric, three rounds of two seconds', () => {
    const options = parseOptions([])
    expect(options).toMatchObject({
      parts: ['cable', 'snull', 'memory'],
      cases: ['cable', 'snull'],
      rounds: 3,
      seconds: 2,
    })
    expect(options.candidates).toContain('relay-offload')
    expect(options.metrics).toContain('cpu_gb')
  })

  test('takes lists with commas and repeated options alike, in the order of the table', () => {
    expect(parseOptions(['--only', 'snull', '--only', 'cable']).parts).toEqual(['cable', 'snull'])
    expect(parseOptions(['--only', 'memory,cable']).parts).toEqual(['cable', 'memory'])
  })

  test('leaves a case out when none of the candidates asked for is in it', () => {
    expect(parseOptions(['--candidates', 'relay-offload']).cases).toEqual(['cable'])
  })

  test.each([
    ['--nonsense'],
    ['stray'],
    ['--only', 'loop'],
    ['--rounds', '0'],
    ['--rounds', '1.5'],
    ['--rounds', ''],
    ['--secs', '60'],
    ['--secs', 'x'],
    ['--metrics', 'tcp,'],
    ['--candidates', 'tap'],
    ['--only', 'snull', '--candidates', 'relay'],
  ])('refuses %j %s in one line', (...argv: string[]) => {
    expect(() => parseOptions(argv)).toThrow(UsageError)
    expect(() => parseOptions(argv)).toThrow(/^[^\n]+$/)
  })
})
