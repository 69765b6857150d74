/** What a command that queries or changes running vnets consists of, and options of several. */
import { type Argument, Option } from 'commander'
import type { Io } from './io.ts'
import { wholeNumber } from './options.ts'

export interface ControlCommand {
  readonly name: string
  /** The command that it is a subcommand of; `vnet` itself if absent. */
  readonly under?: string
  readonly description: string
  readonly args?: readonly Argument[]
  readonly options?: readonly Option[]
  /** True if options and arguments that are unknown are ignored. */
  readonly lenient?: boolean
  /** Gets the arguments and then the options, as commander parsed them. Returns the exit status. */
  // biome-ignore lint/suspicious/noExplicitAny: commander's parsers have checked the types
  readonly run: (io: Io, ...args: any[]) => Promise<number>
}

export const count = wholeNumber(0, 0xffff_ffff)
export const json = () => new Option('--json', 'print one JSON object')
export const user = () => new Option('--user <uid>', 'query the vnets of another user; for root').argParser(count)
