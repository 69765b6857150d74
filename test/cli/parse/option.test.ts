/** Commands, options and arguments, and the types of their values. */
import { describe, expect, expectTypeOf, test } from 'vitest'
import {
  argument,
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  option,
  withoutUndefined,
} from '#src/cli/parse/option.ts'
import { type CommonOptions, collect, commonOptions, shared } from '#src/cli/parse/options.ts'
import { parse } from '#src/cli/parse/parse.ts'
import { allCommands } from '#src/cli/program.ts'

const text = { name: 'swim', description: 'swim some lengths', examples: {} }
const done = async () => 0

const swim = defineCommand({
  name: 'swim',
  description: 'swim some lengths',
  args: [argument('<N>', Number), '[front|back]'],
  options: [
    option('--pool <name>', 'where', { default: 'olympic', conflicts: ['lake'] }),
    option('--lake', 'outside'),
    option('--depth <m>', 'how deep', { parse: Number, default: '2' }),
    option('--side <side>', 'where to turn', { choices: ['left', 'right'], repeats: true }),
    option('--cold', '', { isHidden: true }),
  ],
  examples: { 'vnet swim 4': 'four lengths' },
  run: done,
})
const given = (...words: string[]) => parse(swim, words)

test('a command has the arguments, options, defaults and examples of its text', () => {
  expect(given('4', 'back', '--side', 'left', '--cold')).toEqual({
    args: [4, 'back'],
    options: { pool: 'olympic', depth: 2, side: 'left', cold: true },
  })
  expect(swim).toMatchObject({ name: 'swim', examples: [['vnet swim 4', 'four lengths']] })
  expect(swim.options?.find(({ isHidden }) => isHidden)?.long).toBe('--cold')
})

test.each([
  [['4', 'butterfly'], "'butterfly': must be front or back"],
  [['4', '--side', 'up'], '--side up: must be left or right'],
  [['4', '--pool', 'small', '--lake'], '--pool cannot be used with --lake'],
])('%j is refused', (words, message) => {
  expect(() => given(...words)).toThrow(message)
})

test('an option may have a name that every object has', () => {
  const all = (word: string, before: readonly string[] = []) => [...before, word]
  const options = [option('--constructor <word>', 'a word', { parse: all })]
  const command = { ...swim, args: [], options }
  expect(parse(command, ['--constructor', 'a', '--constructor', 'b'])?.options).toEqual({
    constructor: ['a', 'b'],
  })
})

test('a command may refuse a second value, except of an option that repeats', () => {
  const strict = { ...swim, refusesRepeats: true }
  expect(() => parse(strict, ['4', '--side', 'left', '--side', 'right'])).not.toThrow()
  expect(() => parse(strict, ['4', '--depth', '1', '--depth', '2'])).toThrow(
    '--depth is given twice',
  )
  expect(() => parse(strict, ['4', '--lake', '--lake'])).not.toThrow()
  expect(() => given('4', '--depth', '1', '--depth', '2')).not.toThrow()
})

test('a parser sees no text for an option without a value, and the value before', () => {
  const seen: unknown[] = []
  const parser = (word: string | undefined, before: number | undefined) => seen.push(word, before)
  const options = [option('--step [time]', 'halt', { parse: parser })]
  parse({ ...swim, args: [], options }, ['--step', '--step=1s'])
  expect(seen).toEqual([undefined, undefined, '1s', 2])
})

test('options and arguments without a parser have their text, true, or false after --no-', () => {
  const command = defineCommand({
    ...text,
    args: ['<IF>'],
    options: [option('--gro', ''), option('--no-address', ''), option('--wire-ab <spec>', '')],
    run: done,
  })
  expect(parse(command, ['sn0', '--gro', '--no-address', '--wire-ab', 'off'])).toEqual({
    args: ['sn0'],
    options: { gro: true, address: false, wireAb: 'off' },
  })
})

test('values that are undefined have no key for an API with optional keys', () => {
  expect(withoutUndefined({ a: 1, b: undefined, c: false })).toEqual({ a: 1, c: false })
  expect(Object.keys(withoutUndefined({ a: undefined }))).toEqual([])
})

describe('types', () => {
  test('of the values of options follow from their text, parser and rules', () => {
    defineCommand({
      ...text,
      options: [
        { ...shared.json, description: 'print one JSON object a line' },
        shared.user,
        option('--wire-ab <spec>', ''),
        option('--bursts <list>', '', { parse: word => word.split(',').map(Number) }),
        option('--step [time]', '', { parse: word => (word === undefined ? 0 : Number(word)) }),
        option('-v, --verbose', '', { parse: (_, n: number | undefined) => (n ?? 0) + 1 }),
        option('--address <[[netns/]if=]cidr>', '', { parse: collect(String), repeats: true }),
        option('--no-address', ''),
        option('--side <side>', '', { choices: ['left', 'right'] }),
        option('--time <time>', '', { parse: Number, default: '1' }),
        option('--out <file>', '', { default: 'a.csv' }),
        option('--fifo <path>', '', { isHidden: true }),
      ],
      run: async (_, values) => {
        expectTypeOf(values).toEqualTypeOf<{
          readonly json: boolean | undefined
          readonly user: number | undefined
          readonly wireAb: string | undefined
          readonly bursts: number[] | undefined
          readonly step: number | undefined
          readonly verbose: number | undefined
          readonly address: string[] | false | undefined
          readonly side: 'left' | 'right' | undefined
          readonly time: number
          readonly out: string
          readonly fifo: string | undefined
        }>()
        expectTypeOf(values.bursts).not.toBeAny()
        expectTypeOf(values.json).not.toBeAny()
        return 0
      },
    })
  })

  test('of the values of arguments follow from their text and parser', () => {
    defineCommand({
      ...text,
      args: [
        '<IF>',
        '[SPEC]',
        '<on|off|next>',
        '[A|B]',
        argument('<N>', Number),
        argument('[HEX]', Number),
        '[IF...]',
      ],
      run: async (_, ...values) => {
        expectTypeOf(values).toEqualTypeOf<
          [
            string,
            string | undefined,
            'on' | 'off' | 'next',
            string | undefined,
            number,
            number | undefined,
            readonly string[],
            Readonly<Record<never, never>>,
          ]
        >()
        return 0
      },
    })
  })

  test('of the options that all drivers have are those of their values', () => {
    const { name, address, offload, step, json } = {} as CommonOptions
    expectTypeOf(name).toEqualTypeOf<string[] | undefined>()
    expectTypeOf(address).toEqualTypeOf<string[] | false | undefined>()
    expectTypeOf(offload).toEqualTypeOf<string[] | false | undefined>()
    expectTypeOf(step).toEqualTypeOf<number | undefined>()
    expectTypeOf(json).toEqualTypeOf<boolean | undefined>()
  })

  test('find a mistyped key, parser and conflict', () => {
    const handler = async ({ drop }: { readonly drop: boolean | undefined }) => Number(drop)
    const options = [option('--drops', ''), option('--limit <n>', '', { parse: Number })] as const
    defineCommand({
      ...text,
      options,
      // @ts-expect-error: the key is `drops`
      run: async (_, { drop }) => Number(drop),
    })
    defineCommand({
      ...text,
      options,
      // @ts-expect-error: the code of the command reads another key
      run: async (_, values) => handler(values),
    })
    defineCommand({
      ...text,
      options,
      // @ts-expect-error: its value is a number
      run: async (_, { limit }) => limit?.length ?? 0,
    })
    // @ts-expect-error: a parser of texts cannot read an option without a value
    option('--drops', '', { parse: (word: string) => word.length })
    defineCommand({
      ...text,
      // @ts-expect-error: there is no --jsn
      options: [shared.json, option('--names', '', { conflicts: ['jsn'] })],
      run: done,
    })
    defineCommand({
      ...text,
      options: [shared.json, option('--names', '', { conflicts: ['json'] })],
      run: done,
    })
  })
})

test('each option that conflicts with another names one of the same command', async () => {
  const stray = (command: LazyCommand) => {
    const keys = command.options?.map(({ key }) => key) ?? []
    return command.options?.flatMap(({ rivals }) => rivals.filter(key => !keys.includes(key))) ?? []
  }
  expect((await allCommands()).flatMap(stray)).toEqual([])
})

test('a parser of a common option refuses with an error that becomes a usage error', () => {
  const mtu = commonOptions().find(({ long }) => long === '--mtu')
  expect(() => mtu?.parse('67', undefined)).toThrow(InvalidArgumentError)
})
