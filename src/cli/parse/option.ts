/**
 * Commands, options and arguments, from the JSON that describes their command lines and their help.
 * The code of a command is loaded when it runs.
 */
import type { Io } from '../process/io.ts'
import texts from './options.json' with { type: 'json' }

/** Thrown by the parser of a value. The message says what the value must be. */
export class InvalidArgumentError extends Error {}

// biome-ignore lint/suspicious/noExplicitAny: each parser knows the type of its earlier values
export type Parser = (text: any, before: any) => unknown

/** An option or an argument, by its value. */
class Valued {
  readonly parse: Parser | undefined
  /** The only values. */
  words: readonly string[] | undefined
  /** The shells complete to these, too; other values are valid. */
  offered: (() => readonly string[]) | undefined

  /** `parse` returns the value of a text, after the value of the texts before; it may throw. */
  constructor(parse: Parser | undefined) {
    this.parse = parse
  }
}

export class Option extends Valued {
  readonly flags: string
  readonly description: string
  readonly short: string | undefined
  readonly long: string
  /** The value in the usage, such as `n`; undefined if it takes none. */
  readonly value: string | undefined
  /** True if it takes a value only after `=`; its parser gets undefined for the bare option. */
  readonly isOptional: boolean
  group: string | undefined
  isHidden = false
  /** True if a second value is refused instead of replacing the first. */
  isSingle = false
  /** Its value if it is not given, also as the help shows it. */
  usual: { readonly value: unknown; readonly text: string } | undefined
  /** The keys of the options that cannot be given as well. */
  rivals: readonly string[] = []

  /** `flags` is such as `-q, --quiet`, `--mtu <n>` or `--step [time]`. */
  constructor(flags: string, description = '', parse?: Parser) {
    super(parse)
    const [, short, long = '', open, value] = /^(?:(-\w), )?(--[\w-]+)(?: ([<[])(.*)[>\]])?$/.exec(flags) ?? []
    this.flags = flags
    this.description = description
    this.short = short
    this.long = long
    this.value = value
    this.isOptional = open === '['
  }

  /** `txqueuelen`, and `address` for both `--address` and `--no-address`. */
  get key(): string {
    return this.long.replace(/^--(no-)?/, '').replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
  }
}

export class Argument extends Valued {
  readonly name: string
  readonly required: boolean
  readonly variadic: boolean

  /** `text` is `<IF>`, `[IF]`, `[IF...]` if it repeats, or the only values: `<on|off>`. */
  constructor(text: string, parse?: Parser) {
    super(parse)
    const [, open, name = '', dots] = /^([<[])(.*?)(\.\.\.)?[>\]]$/.exec(text) ?? []
    this.name = name
    if (/^[a-z]+(\|[a-z]+)+$/.test(name)) this.words = name.split('|')
    this.required = open === '<'
    this.variadic = dots !== undefined
  }
}

export type Example = readonly [command: string, effect: string]

export interface LazyCommand {
  readonly name: string
  /** The command that it is a subcommand of; `vnet` itself if absent. */
  readonly under?: string
  readonly description: string
  /** Its heading in the help. */
  readonly group?: string
  readonly args?: readonly Argument[]
  /** The text after the name in the usage line; by default `[OPTIONS]` and the arguments. */
  readonly usage?: string
  /** Under the heading `Options:` unless they have another. */
  readonly options?: readonly Option[]
  /** Beside an option that starts with this, unknown options and arguments are ignored. */
  readonly lenient?: string
  /** True if options after the first argument belong to that. */
  readonly passThrough?: boolean
  /** Command lines for the help, each with its effect. */
  readonly examples?: readonly Example[]
  /** Gets the arguments and then the options, as they were parsed. Returns the exit status. */
  // biome-ignore lint/suspicious/noExplicitAny: the parsers of the options have checked the types
  readonly run: (io: Io, ...args: any[]) => Promise<number>
}

/** A description, or true for the one that several commands share; with more if it has more. */
type OptionText = string | boolean | DescribedOption

interface DescribedOption {
  readonly description: string
  /** The keys of options that cannot be given as well. */
  readonly conflicts?: readonly string[]
  readonly choices?: readonly string[]
  /** Its value if it is not given, as a user would write it. */
  readonly default?: string
}

/** By their flags. */
type OptionTexts = Readonly<Record<string, OptionText>>

export interface CommandText
  extends Pick<LazyCommand, 'under' | 'description' | 'group' | 'usage' | 'lenient' | 'passThrough'> {
  readonly args?: readonly string[]
  readonly options?: OptionTexts
  /** The flags of options that the help does not list. */
  readonly hidden?: readonly string[]
  /** The flags of options that may be given more than once. Without this, all may. */
  readonly repeats?: readonly string[]
  /** The effect of each command line. */
  readonly examples: Readonly<Record<string, string>>
}

/** Parsers of values, by the flags of an option, `--mtu <n>`, or the text of an argument, `<N>`. */
export type Parsers = Readonly<Record<string, Parser>>

const SHARED: OptionTexts = texts.shared

export function optionsOf(options: OptionTexts, parsers: Parsers, group?: string): Option[] {
  return Object.entries(options).map(([flags, text]) => {
    const own = typeof text === 'boolean' ? SHARED[flags] : text
    const described = typeof own === 'object' ? own : { description: `${own}` }
    const { description, conflicts = [], choices, default: usual }: DescribedOption = described
    const parse = parsers[flags]
    const option = new Option(flags, description, parse)
    option.group = group
    option.rivals = conflicts
    option.words = choices
    if (usual !== undefined)
      option.usual = { value: parse === undefined ? usual : parse(usual, undefined), text: usual }
    return option
  })
}

/** Returns the commands of `commands` with their code, which has the same names. */
export function commandsOf<T extends Readonly<Record<string, CommandText>>>(
  commands: T,
  runs: { readonly [Name in keyof T]: LazyCommand['run'] },
  parsers: Parsers,
): LazyCommand[] {
  return Object.entries(commands).map(
    ([name, { args = [], options = {}, hidden = [], repeats, examples, ...rest }]) => {
      const own = optionsOf(options, parsers)
      for (const option of own)
        option.isSingle = repeats !== undefined && option.value !== undefined && !repeats.includes(option.flags)
      const unlisted = optionsOf(Object.fromEntries(hidden.map(flags => [flags, ''])), parsers)
      return {
        ...rest,
        name,
        args: args.map(text => new Argument(text, parsers[text])),
        options: [...own, ...unlisted.map(each => Object.assign(each, { isHidden: true }))],
        examples: Object.entries(examples),
        run: runs[name as keyof T],
      }
    },
  )
}
