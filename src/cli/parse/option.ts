/**
 * Commands, their options and their arguments. The text of an option has its key and whether it
 * takes a value, and its parser has the type of that value: so the compiler checks what the code of
 * a command reads. That code is loaded when the command runs.
 */
import type { Io } from '../process/io.ts'

/** Thrown by the parser of a value. The message says what the value must be. */
export class InvalidArgumentError extends Error {}

/** Returns the value of a text, after the value of the texts before. Undefined: without a value. */
export type Parser<Value = unknown> = (text: string | undefined, before: unknown) => Value

interface Valued<Value> {
  readonly parse: Parser<Value>
  /** The only values. */
  readonly words?: readonly string[] | undefined
  /** The shells complete to these, too; other values are valid. */
  readonly offered?: (() => readonly string[]) | undefined
}

/** An option. `Value` is what `run` gets under `Key`: undefined too, unless it has a default. */
export interface Option<Key extends string = string, Value = unknown, Rival extends string = string>
  extends Valued<Value> {
  readonly flags: string
  readonly description: string
  readonly short: string | undefined
  readonly long: string
  /** The value in the usage, such as `n`; undefined if it takes none. */
  readonly value: string | undefined
  /** True if it takes a value only after `=`; its parser gets undefined for the bare option. */
  readonly isOptional: boolean
  /** `txQueueLen` for `--tx-queue-len`, and `address` for both `--address` and `--no-address`. */
  readonly key: Key
  /** Its heading in the help; `Options:` if absent. */
  readonly group?: string | undefined
  /** Its value if it is not given, also as the help shows it. */
  readonly usual?: { readonly value: unknown; readonly text: string } | undefined
  /** The keys of the options that cannot be given as well. */
  readonly rivals: readonly Rival[]
  /** True if a second value is accepted where the command refuses it for the others. */
  readonly repeats: boolean
  /** True if neither the help nor the shells list it. */
  readonly isHidden: boolean
}

interface Rules {
  /** The keys of the options that cannot be given as well. */
  readonly conflicts?: readonly string[]
  /** Its value if it is not given, as a user would write it. */
  readonly default?: string
  /** True if a second value is accepted where the command refuses it for the others. */
  readonly repeats?: boolean
  readonly isHidden?: boolean
}

/** The rules of an option whose value is the text that was given, or a boolean if it takes none. */
export interface PlainRules extends Rules {
  readonly parse?: undefined
  /** The only values. */
  readonly choices?: readonly string[]
}

/** The rules of an option with a parser of its values. */
export interface ParsedRules extends Rules {
  /** Throws an InvalidArgumentError. `before` is the value of the option so far. */
  readonly parse: (text: never, before: never) => unknown
  readonly choices?: undefined
}

/** `--wire-ab` is `wireAb`, and `--no-address` is `address`. */
type KeyOf<Flags extends string> = Flags extends `${string}--no-${infer Rest}`
  ? Camel<FirstWord<Rest>>
  : Flags extends `${string}--${infer Rest}`
    ? Camel<FirstWord<Rest>>
    : string
type FirstWord<Text extends string> = Text extends `${infer Word} ${string}` ? Word : Text
type Camel<Text extends string> = Text extends `${infer First}-${infer Rest}`
  ? `${First}${Capitalize<Camel<Rest>>}`
  : Text

/** The argument of a parser: `--mtu <n>` always has a text, `--step [time]` may have one. */
type TextOf<Flags extends string> = Flags extends `${string} <${string}`
  ? string
  : Flags extends `${string} [${string}`
    ? string | undefined
    : undefined
type PlainValue<Flags extends string, Given> = Given extends { choices: readonly (infer Choice)[] }
  ? Choice
  : TextOf<Flags> extends string
    ? string
    : Flags extends `${string}--no-${string}`
      ? false
      : boolean
type Absent<Given> = Given extends { default: string } ? never : undefined
type RivalOf<Given> = Given extends { conflicts: readonly (infer Key extends string)[] }
  ? Key
  : never

/**
 * Returns an option. `flags` is such as `-q, --quiet`, `--mtu <n>` or `--step [time]`. There are
 * two overloads because the type of a value that has no parser would be inferred from the list that
 * the option is in: each value would be `unknown`.
 */
export function option<const Flags extends string, const Given extends PlainRules = PlainRules>(
  flags: Flags,
  description: string,
  rules?: Given,
): Option<KeyOf<Flags>, PlainValue<Flags, Given> | Absent<Given>, RivalOf<Given>>
export function option<const Flags extends string, T, const Given extends ParsedRules>(
  flags: Flags,
  description: string,
  rules: Given & { readonly parse: (text: TextOf<Flags>, before: T | undefined) => T },
): Option<KeyOf<Flags>, T | Absent<Given>, RivalOf<Given>>
export function option(
  flags: string,
  description: string,
  rules: PlainRules | ParsedRules = {},
): Option {
  const { conflicts = [], choices, default: usual, repeats = false, isHidden = false } = rules
  const match = /^(?:(-\w), )?(--[\w-]+)(?: ([<[])(.*)[>\]])?$/.exec(flags) ?? []
  const [, short, long = '', open, value] = match
  const isNo = long.startsWith('--no-')
  const parse = (rules.parse as Parser | undefined) ?? (text => text ?? !isNo)
  return {
    flags,
    description,
    short,
    long,
    value,
    isOptional: open === '[',
    key: camel(long.replace(/^--(no-)?/, '')),
    parse,
    words: choices,
    usual: usual === undefined ? undefined : { value: parse(usual, undefined), text: usual },
    rivals: conflicts,
    repeats,
    isHidden,
  }
}

function camel(text: string): string {
  return text.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** The values of options by their keys. Those that are absent have no key. */
export type Values<Options extends readonly Option[]> = {
  readonly [Each in Options[number] as Each['key']]: ReturnType<Each['parse']>
}

/** What `run` gets for options of an API, whose keys are absent instead of undefined. */
export type WithUndefined<T> = { readonly [Key in keyof T]-?: T[Key] | undefined }
type WithoutUndefined<T> = { readonly [Key in keyof T]?: Exclude<T[Key], undefined> }

/** Returns the values that are not undefined, for an API whose keys are absent instead. */
export function withoutUndefined<T extends object>(values: T): WithoutUndefined<T> {
  const given = Object.entries(values).filter(([, value]) => value !== undefined)
  return Object.fromEntries(given) as WithoutUndefined<T>
}

/** An argument. `Value` is what `run` gets: undefined too if it is not required. */
export interface Argument<Value = unknown> extends Valued<Value> {
  /** Its name in the usage: `IF`. */
  readonly name: string
  /** True if the command refuses to run without it. */
  readonly required: boolean
  /** True if it takes all remaining words, as a list. Only the last argument may. */
  readonly variadic: boolean
}

/** `<IF>` is a text, `[IF]` perhaps one, `[IF...]` a list, and `<on|off>` either `on` or `off`. */
export type ArgumentText<Text extends string> = Text extends `${'<' | '['}${string}...${'>' | ']'}`
  ? readonly string[]
  : Text extends `<${infer Name}>`
    ? WordOf<Name>
    : Text extends `[${infer Name}]`
      ? WordOf<Name> | undefined
      : never
type WordOf<Name extends string> = Name extends `${string}|${string}`
  ? Lowercase<Name> extends Name
    ? Split<Name>
    : string
  : string
type Split<Text extends string> = Text extends `${infer First}|${infer Rest}`
  ? First | Split<Rest>
  : Text

/**
 * Returns an argument. `text` is `<IF>`, `[IF]`, `[IF...]` if it repeats, or the only values:
 * `<on|off>`. The texts of one that repeats are not parsed.
 */
export function argument<const Text extends string>(text: Text): Argument<ArgumentText<Text>>
export function argument<const Text extends string, T>(
  text: Text,
  parse: (text: string) => T,
): Argument<Text extends `[${string}` ? T | undefined : T>
export function argument(text: string, parse: (text: string) => unknown = String): Argument {
  const [, open, name = '', dots] = /^([<[])(.*?)(\.\.\.)?[>\]]$/.exec(text) ?? []
  return {
    name,
    required: open === '<',
    variadic: dots !== undefined,
    parse: parse as Parser,
    words: /^[a-z]+(\|[a-z]+)+$/.test(name) ? name.split('|') : undefined,
  }
}

export type Example = readonly [command: string, effect: string]

interface CommandText {
  readonly name: string
  /** The command that it is a subcommand of; `vnet` itself if absent. */
  readonly under?: string
  readonly description: string
  /** Its heading in the help. */
  readonly group?: string
  /** The text after the name in the usage line; by default `[OPTIONS]` and the arguments. */
  readonly usage?: string
  /** Beside an option that starts with this, unknown options and arguments are ignored. */
  readonly lenient?: string
  /** True if options after the first argument belong to that. */
  readonly passThrough?: boolean
  /** True if a second value of an option is refused, unless the option repeats. */
  readonly refusesRepeats?: boolean
}

export interface LazyCommand extends CommandText {
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  /** Command lines for the help, each with its effect. */
  readonly examples?: readonly Example[]
  /** Gets the arguments and then the options, as they were parsed. Returns the exit status. */
  readonly run: (io: Io, ...args: unknown[]) => Promise<number>
}

/** An argument that has no parser may be written as its text. */
type ArgumentSpec = string | Argument
type ArgumentValue<Spec> = Spec extends string
  ? ArgumentText<Spec>
  : Spec extends Argument<infer Value>
    ? Value
    : never
type ArgumentValues<Specs extends readonly ArgumentSpec[]> = {
  [I in keyof Specs]: ArgumentValue<Specs[I]>
}

/** `unknown`, or the key in a `conflicts` that no option of the command has. */
type Coherent<Options extends readonly Option[]> =
  Options[number]['rivals'][number] extends Options[number]['key']
    ? unknown
    : {
        readonly unknownConflict: Exclude<Options[number]['rivals'][number], Options[number]['key']>
      }

interface Definition<Args extends readonly ArgumentSpec[], Options extends readonly Option[]>
  extends CommandText {
  readonly args?: Args
  readonly options?: Options & Coherent<Options>
  /** The effect of each command line. */
  readonly examples: Readonly<Record<string, string>>
  /** Returns the exit status. It imports its code, so that no other command loads it. */
  readonly run: (io: Io, ...values: [...ArgumentValues<Args>, Values<Options>]) => Promise<number>
}

/** Returns a command. Its `run` gets the values that the parsers of its options return. */
export function defineCommand<
  const Args extends readonly ArgumentSpec[] = [],
  const Options extends readonly Option[] = [],
>(definition: Definition<Args, Options>): LazyCommand {
  const { args, options, examples, run, ...text } = definition
  return {
    ...text,
    args: (args ?? []).map(each => (typeof each === 'string' ? argument(each) : each)),
    options: options ?? [],
    examples: Object.entries(examples),
    run: run as LazyCommand['run'],
  }
}
