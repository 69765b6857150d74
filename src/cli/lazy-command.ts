/** Commands as tables list them, and options of several. Their code is loaded when they run. */
import { getpwnam } from '../linux/ffi.ts'
import type { Io } from './io.ts'
import { type Argument, Option } from './option.ts'
import { id, wholeNumber } from './options.ts'

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

export const count = wholeNumber(0, 0xffff_ffff)
export const json = () => new Option('--json', 'print one JSON object')
export const user = () =>
  new Option('--user <user>', 'query the vnets of another user, name or number; for root').argParser(
    id('user', getpwnam),
  )
