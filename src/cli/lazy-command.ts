/** Commands as tables list them, and options of several. Their code is loaded when they run. */
import { type Argument, type Command, Option } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import { wholeNumber } from './options.ts'

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
  /** True if options and arguments that are unknown are ignored. */
  readonly lenient?: boolean
  /** True if options after the first argument belong to that. */
  readonly passThrough?: boolean
  /** Gets the arguments and then the options, as commander parsed them. Returns the exit status. */
  // biome-ignore lint/suspicious/noExplicitAny: commander's parsers have checked the types
  readonly run: (io: Io, ...args: any[]) => Promise<number>
}

export const count = wholeNumber(0, 0xffff_ffff)
export const json = () => new Option('--json', 'print one JSON object')
export const user = () => new Option('--user <uid>', 'query the vnets of another user; for root').argParser(count)

/** The text in the usage line for an argument that is not written like its name. */
const WRITTEN: Readonly<Record<string, string>> = {
  ADDRESS: '[ADDR:]PORT',
  IF: '[NETNS/]IF',
  'IF...': '[NETNS/]IF...',
  NAME: 'NAME[=VALUE]',
  'FILE...': '[[NETNS/]IF...] FILE|-',
}

/** Adds commands to `program`. `create` makes an empty command; `done` gets the exit status. */
export function addCommands(
  program: Command,
  commands: readonly LazyCommand[],
  create: (name: string) => Command,
  io: Io,
  done: (status: number) => void,
): void {
  for (const { name, under, description, group, args = [], options = [], run, ...rest } of commands) {
    const usage = rest.usage ?? [...(options.length > 0 ? ['[OPTIONS]'] : []), ...args.map(written)].join(' ')
    const command = create(name).usage(usage).description(description)
    if (group !== undefined) command.helpGroup(group)
    for (const argument of args) command.addArgument(argument)
    for (const option of options) command.addOption(option.helpGroup(option.helpGroupHeading ?? 'Options:'))
    if (rest.lenient) command.allowUnknownOption().allowExcessArguments()
    if (rest.passThrough) command.passThroughOptions()
    commandHelp(command)
    // The last argument that commander passes is the command itself.
    command.action(async (...given: unknown[]) => done(await run(io, ...given.slice(0, -1))))
    const parent = program.commands.find(each => each.name() === under) ?? program
    parent.enablePositionalOptions().addCommand(command)
  }
}

/** Returns an argument in the form of the usage line. */
function written(argument: Argument): string {
  const name = argument.name() + (argument.variadic ? '...' : '')
  const word = WRITTEN[name] ?? name
  return argument.required ? word : `[${word}]`
}
