/** Commands and options are made of the JSON that describes them. */
import { expect, test } from 'vitest'
import { controlCommands } from '#src/cli/commands/control-commands.ts'
import { commandsOf, optionsOf } from '#src/cli/parse/option.ts'
import { commonOptions, PARSERS, placeOptions } from '#src/cli/parse/options.ts'
import { parse } from '#src/cli/parse/parse.ts'
import { ETH_MAX_MTU, ETH_MIN_MTU, MAX_TAP_QUEUES } from '#src/netdev/if.ts'

const texts = {
  swim: {
    description: 'swim some lengths',
    args: ['<N>', '[front|back]'],
    options: {
      '--pool <name>': { description: 'where', default: 'olympic', conflicts: ['lake'] },
      '--lake': 'outside',
      '--depth <m>': { description: 'how deep', default: '2' },
      '--side <side>': { description: 'where to turn', choices: ['left', 'right'] },
    },
    hidden: ['--cold'],
    examples: { 'vnet swim 4': 'four lengths' },
  },
}

const [swim] = commandsOf(texts, { swim: async () => 0 }, { '<N>': Number, '--depth <m>': Number })
const given = (...words: string[]) => parse(swim!, words)

test('a command has the arguments, options, defaults and examples of its text', () => {
  expect(given('4', 'back', '--side', 'left', '--cold')).toEqual({
    args: [4, 'back'],
    options: { pool: 'olympic', depth: 2, side: 'left', cold: true },
  })
  expect(swim).toMatchObject({ name: 'swim', examples: [['vnet swim 4', 'four lengths']] })
  expect(swim?.options?.find(({ isHidden }) => isHidden)?.long).toBe('--cold')
})

test.each([
  [['4', 'butterfly'], "'butterfly': must be front or back"],
  [['4', '--side', 'up'], '--side up: must be left or right'],
  [['4', '--pool', 'small', '--lake'], '--pool cannot be used with --lake'],
])('%j is refused', (words, message) => {
  expect(() => given(...words)).toThrow(message)
})

test('an option may have a name that every object has', () => {
  const all = (text: string, before: readonly string[] = []) => [...before, text]
  const options = optionsOf({ '--constructor <word>': 'a word' }, { '--constructor <word>': all })
  const command = { ...swim!, args: [], options }
  expect(parse(command, ['--constructor', 'a', '--constructor', 'b'])?.options).toEqual({ constructor: ['a', 'b'] })
})

test('options of a command that says which of them repeat are refused a second time', () => {
  const run = { ...texts.swim, repeats: ['--side <side>'] }
  const [strict] = commandsOf({ run }, { run: async () => 0 }, {})
  expect(() => parse(strict!, ['4', '--side', 'left', '--side', 'right'])).not.toThrow()
  expect(() => parse(strict!, ['4', '--depth', '1', '--depth', '2'])).toThrow('--depth is given twice')
  expect(() => given('4', '--depth', '1', '--depth', '2')).not.toThrow()
})

test('an option that is `true` has the description that commands share, and its group', () => {
  const [json] = optionsOf({ '--json': true }, {}, 'Output:')
  expect(json).toMatchObject({ description: 'print one JSON object', group: 'Output:' })
})

test('every parser is of an option that exists', () => {
  const options = [...controlCommands.flatMap(({ options = [] }) => options), ...commonOptions(), ...placeOptions()]
  const flags = new Set(options.map(option => option.flags))
  expect(Object.keys(PARSERS).filter(each => !flags.has(each))).toEqual([])
})

test('the descriptions have the limits of the MTU and of queues', () => {
  const text = (flag: string) => commonOptions().find(({ long }) => long === flag)?.description
  expect(text('--mtu')).toBe(`MTU, ${ETH_MIN_MTU} to ${ETH_MAX_MTU}`)
  expect(text('--txqs')).toBe(`transmit queues, 1 to ${MAX_TAP_QUEUES}`)
})
