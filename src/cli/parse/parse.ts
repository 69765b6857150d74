/** Parses the command line after a command into its options and arguments. */
import { didYouMean, UsageError } from '../../base/usage-error.ts'
import { InvalidArgumentError, type LazyCommand, type Option, option } from './option.ts'

export type Parsed = Readonly<{
  args: readonly unknown[]
  options: Readonly<Record<string, unknown>>
}>

/** An option that a command does not have. */
export class UnknownOption extends UsageError {
  readonly flag: string
  /** Suggestions; empty if nothing is near. */
  readonly advice: string

  constructor(flag: string, advice: string) {
    super(`unknown option '${flag}'${advice}`)
    this.flag = flag
    this.advice = advice
  }
}

const HELP: Option = option('-h, --help', '')

/** Options of tools like tc-netem(8), which are words of --wire here. */
const WIRE_WORDS = ['delay', 'loss', 'duplicate', 'corrupt', 'reorder', 'rate', 'limit', 'slot']

interface Token {
  readonly at: number
  readonly word: string
  /** Undefined for an argument, and for an unknown option. */
  readonly option?: Option
  readonly value?: string | undefined
  readonly isOption: boolean
}

/** Reads from left to right. Everything after `--` is an argument. */
function* tokens(words: readonly string[], options: readonly Option[]): Generator<Token> {
  for (let at = 0; at < words.length; at++) {
    const word = words[at] as string
    if (word === '--') {
      for (let i = at + 1; i < words.length; i++) {
        yield { at: i, word: words[i] as string, isOption: false }
      }
      return
    }
    if (!/^-./.test(word)) {
      yield { at, word, isOption: false }
    } else if (!word.startsWith('--')) {
      for (const letter of word.slice(1)) {
        const known = options.find(({ short }) => short === `-${letter}`)
        yield {
          at,
          word: known === undefined ? word : `-${letter}`,
          option: known,
          isOption: true,
        } as Token
      }
    } else {
      const [, flag = '', value] = /^(--[^=]*)(?:=(.*))?$/s.exec(word) ?? []
      const known = options.find(({ long }) => long === flag)
      const takesNext = known?.value !== undefined && !known.isOptional && value === undefined
      const hasNext = takesNext && words[at + 1] !== '--'
      yield {
        at,
        word,
        option: known,
        value: hasNext ? words[++at] : value,
        isOption: true,
      } as Token
    }
  }
}

/** Returns the index of the first argument if only `options` precede it; otherwise -1. */
export function commandIndex(words: readonly string[], options: readonly Option[]): number {
  for (const token of tokens(words, [...options, HELP])) {
    if (!token.isOption) return token.at
    if (token.option === undefined) return -1
  }
  return -1
}

/** Returns everything before the first unknown option. */
export function knownWords(
  words: readonly string[],
  options: readonly Option[],
): readonly string[] {
  for (const token of tokens(words, [...options, HELP])) {
    if (token.isOption && token.option === undefined) return words.slice(0, token.at)
  }
  return words
}

/** Returns the options and arguments of a command; undefined if they request its help. */
export function parse(command: LazyCommand, words: readonly string[]): Parsed | undefined {
  const { options = [], lenient, passThrough = false, refusesRepeats = false } = command
  const isLenient = lenient !== undefined && words.some(word => word.startsWith(lenient))
  const found: Record<string, unknown> = {}
  for (const { key, usual } of options) {
    if (usual !== undefined) {
      found[key] = usual.value
    }
  }
  const given: Option[] = []
  let args: string[] = []
  for (const { at, word, option: known, value, isOption } of tokens(words, [...options, HELP])) {
    if (!isOption && passThrough) {
      args = words.slice(at)
      break
    }
    if (!isOption) {
      args.push(word)
    } else if (known === HELP) {
      return undefined
    } else if (known !== undefined) {
      const isSingle = refusesRepeats && known.value !== undefined && !known.repeats
      if (isSingle && given.includes(known)) throw new UsageError(`${known.long} is given twice`)
      const before = Object.hasOwn(found, known.key) ? found[known.key] : undefined
      found[known.key] = parsed(known, value, word, before)
      given.push(known)
    } else if (!isLenient) {
      throw new UnknownOption(word, adviceAbout(word, options))
    }
  }
  refuseRivals(given)
  return { args: argumentsOf(command, args, isLenient), options: found }
}

/** Throws a UsageError if two options exclude each other. */
function refuseRivals(given: readonly Option[]): void {
  for (const { long, rivals } of given) {
    const rival = given.find(({ key }) => rivals.includes(key))
    if (rival !== undefined) throw new UsageError(`${long} cannot be used with ${rival.long}`)
  }
}

function parsed(known: Option, text: string | undefined, word: string, before: unknown): unknown {
  const { long, value, isOptional } = known
  if (value === undefined) {
    if (text !== undefined) throw new UsageError(`option ${long} takes no value`)
    return known.parse(undefined, before)
  }
  if (text === undefined && !isOptional) {
    throw new UsageError(`${word} needs a value: ${long} ${value.toUpperCase()}`)
  }
  return checked(known, `${long} ${text === '' ? "''" : text}`, text, before)
}

/** Returns the value of a text. `what` is the start of the message if it is wrong. */
function checked(
  expected: Pick<Option, 'words' | 'parse'>,
  what: string,
  text: string | undefined,
  before?: unknown,
): unknown {
  const { words } = expected
  if (words !== undefined && !words.includes(text ?? '')) {
    throw new UsageError(`${what}: must be ${words.slice(0, -1).join(', ')} or ${words.at(-1)}`)
  }
  try {
    return expected.parse(text, before)
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error
    throw new UsageError(`${what}: ${error.message}`, { cause: error.cause })
  }
}

function argumentsOf(
  command: LazyCommand,
  words: readonly string[],
  isLenient: boolean,
): unknown[] {
  const { args = [] } = command
  const missing = args.find((argument, i) => argument.required && words[i] === undefined)?.name
  if (missing !== undefined) {
    const shown = missing.includes('|') ? missing : missing.toUpperCase()
    throw new UsageError(`${command.name}: missing argument ${shown}${see(command)}`)
  }
  const extra = args.at(-1)?.variadic ? undefined : words[args.length]
  if (extra !== undefined && !isLenient) {
    // A wire spec without quotes is the usual reason.
    if (command.name === 'wire') {
      throw new UsageError("a wire spec is one argument, in quotes: 'delay 20ms loss 1%'")
    }
    const most =
      args.length === 0
        ? 'no arguments'
        : `at most ${args.length} argument${args.length > 1 ? 's' : ''}`
    throw new UsageError(`${command.name} takes ${most}, but got '${extra}'${see(command)}`)
  }
  return args.map((argument, i) => {
    if (argument.variadic) return words.slice(i)
    const word = words[i]
    return word === undefined ? undefined : checked(argument, `'${word}'`, word)
  })
}

export function see({ name, under }: Pick<LazyCommand, 'name' | 'under'>): string {
  return ` (see vnet ${under === undefined ? '' : `${under} `}${name} --help)`
}

/** Returns what may be meant by an unknown option. */
function adviceAbout(word: string, known: readonly Option[]): string {
  const flag = word.replace(/=.*/s, '')
  const longs = [...known, HELP].filter(({ isHidden }) => !isHidden).map(({ long }) => long)
  if (longs.includes(`--no-${flag.slice(2)}`)) {
    return `: it is on, and --no-${flag.slice(2)} turns it off`
  }
  const bare = flag.replace(/^-+/, '')
  const names = longs.map(long => long.slice(2))
  const near = didYouMean(bare, names)
  if (near !== '') return near.replace("'", "'--")
  const meant = longs.includes('--wire') ? didYouMean(bare, WIRE_WORDS) : ''
  return meant.replace(/'(.*)'/, "--wire '$1 ...'")
}
