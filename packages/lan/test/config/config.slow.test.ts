/** Large and broken configuration files. */
import { expect, test } from 'vitest'
import { random } from '#src/base/random.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { either } from '#support/scale.ts'
import { parseLanConfig } from '../../src/config/config.ts'
import { example, parse, rejected } from './example.ts'

test('ten thousand hosts with names and addresses of their own are valid', () => {
  const hosts = Array.from({ length: 10_000 }, (_, i) => {
    const [high, low] = [8 + (i >> 8), i & 0xff]
    return `  - { name: h${i}, mac: "02:00:00:01:${hex(i >> 8)}:${hex(low)}", ip: 198.18.${high}.${low} }\n`
  })
  expect(parse(`network: 198.18.0.0/16\nhosts:\n${hosts.join('')}`).dns?.names.length).toBe(10_000)
}, 60_000)

const hex = (octet: number) => octet.toString(16).padStart(2, '0')

test('a file with 100,000 lists in each other is rejected', () => {
  const lines = rejected(`hosts: [{ ip: ${'['.repeat(100_000)}${']'.repeat(100_000)} }]`)
  expect(lines).toEqual([expect.stringMatching(/^1:\d+: it is nested too deep$/)])
})

test('a randomly broken file is either valid or rejected with positions', () => {
  const { below } = random(12)
  const pick = <T>(list: readonly T[]): T => list[below(list.length)]
  const bits = [
    '{',
    '}',
    '[',
    ']',
    ': ',
    '- ',
    '\n',
    '\n  ',
    '&a ',
    '*a',
    '!!binary ',
    '!x ',
    '<<: ',
    '|',
    '>',
    '---\n',
    '...\n',
    '%YAML 1.1\n',
    '\0',
    '\u2028',
    '\t',
    '"',
    "'",
    '#',
    '? ',
    '~',
    '1e999',
    '0x7fffffffffffffff',
    '-1',
    '198.18.0.300',
    '::',
    '__proto__: ',
    'constructor: ',
    '\ud800',
    '\ufeff',
    'false',
    'count: 99999',
  ]
  const seed = example.replace('count: 1000', 'count: 10')
  const lines = seed.split('\n')
  const mutate = (text: string): string => {
    const at = below(text.length + 1)
    switch (below(5)) {
      case 0:
        return text.slice(0, at) + pick(bits) + text.slice(at)
      case 1:
        return text.slice(0, at) + text.slice(at + 1 + below(12))
      case 2:
        return text.slice(0, at) + String.fromCharCode(below(128)) + text.slice(at + 1)
      case 3:
        return text.slice(0, at)
      default: {
        const [from, to] = [below(lines.length), below(lines.length)]
        return text.replace(lines[from], lines[to])
      }
    }
  }
  let valid = 0
  const files = either(3000, 500)
  for (let i = 0; i < files; i++) {
    let text = seed
    for (let j = below(4); j >= 0; j--) {
      text = mutate(text)
    }
    try {
      parseLanConfig(text, 'lan.yaml')
      valid++
    } catch (error) {
      if (!(error instanceof UsageError)) {
        throw new Error(`on ${JSON.stringify(text)}`, { cause: error })
      }
      for (const line of error.message.split('\n')) {
        expect(line).toMatch(/^lan\.yaml:(\d+:\d+: .+| and \d+ more)$/)
      }
    }
  }
  expect(valid).toBeGreaterThan(files / 30)
  expect(valid).toBeLessThan(0.83 * files)
}, 120_000)
