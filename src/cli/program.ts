/** The command line: a command for every driver, its module parameters as options, and the options that all share. */
import { Command, type CommanderError, InvalidArgumentError, Option } from 'commander'
import { type Driver, defaultParams, type Param, type Params, UsageError } from '../core/driver.ts'
import { driver as cable } from '../drivers/cable.ts'
import { driver as loop } from '../drivers/loop.ts'
import { driver as snull } from '../drivers/snull.ts'
import { completionCommand } from './completion-command.ts'
import { commandsOf, controlCommandNames, controlCommands } from './control-commands.ts'
import { isDriverFile } from './driver-file.ts'
import { execCommand } from './exec-command.ts'
import { commandHelp, programHelp } from './help.ts'
import type { Io } from './io.ts'
import { type CommonOptions, commonOptions, noOffloadAsValue } from './options.ts'
import { run } from './run.ts'

/** The drivers that are always there; the first runs when no command is given. */
const drivers: readonly Driver[] = [loop, snull, cable].map(driver => driver as unknown as Driver)
/** One that is loaded where it may be asked for: with all that is on its network it takes a third of the time of a start. */
const LAN = 'lan'

/** Whether it may be asked for, or told of. */
function asksForLan(argv: readonly string[]): boolean {
  const [first] = argv
  if (argv.includes(LAN)) return true
  if (first === undefined) return false
  if (first.startsWith('-')) return argv.some(word => word === '--help' || word === '-h')
  const others = [...drivers.map(driver => driver.name), ...controlCommandNames, 'exec']
  return !others.includes(first) && !isDriverFile(first)
}

/** The program for these arguments. `done` gets the exit status of the command that ran. */
export async function createProgram(
  version: string,
  argv: readonly string[],
  io: Io,
  done: (status: number) => void,
): Promise<Command> {
  const lan = asksForLan(argv) ? [(await import('../lan/driver.ts')).driver as unknown as Driver] : []
  const program = configure(new Command('vnet'), io).version(version, '-V, --version', 'print the version')
  programHelp(program)
  for (const driver of [...drivers, ...lan]) {
    program.addCommand(driverCommand(driver, io, done), { isDefault: driver === drivers[0] })
  }
  const empty = (name: string) => configure(new Command(name), io)
  for (const command of controlCommands(empty, io, done)) program.addCommand(command)
  program.addCommand(execCommand(empty('exec'), io, done).helpGroup('Asking a running vnet:'))
  program.helpCommand(false).addCommand(completionCommand(empty('completion'), program, io))
  program.addCommand(helpCommand(program, io))
  return program
}

/** Makes a command of a driver that a file exports, under the file's name. */
export function addDriverFile(
  program: Command,
  file: string,
  driver: Driver,
  io: Io,
  done: (status: number) => void,
): void {
  const taken = commonOptions().find(option => Object.hasOwn(driver.params, option.attributeName()))
  if (taken !== undefined) {
    throw new UsageError(
      `${file}: parameter ${taken.attributeName()}: every driver has ${taken.long}; call it otherwise`,
    )
  }
  program.addCommand(driverCommand(driver, { ...io, sole: false }, done).name(file))
}

function driverCommand(driver: Driver, io: Io, done: (status: number) => void): Command {
  const command = configure(new Command(driver.name), io).description(driver.description).argument('[args...]')
  command.usage(`[OPTIONS]${driver.args === undefined ? '' : ` ${driver.args}`}`)
  for (const [name, param] of Object.entries(driver.params)) {
    command.addOption(paramOption(name, param).helpGroup(`Options of ${driver.name}:`))
  }
  for (const option of commonOptions()) command.addOption(option)
  commandHelp(command)
  const others = commandsOf(driver.name)
  for (const name of others) command.addHelpText('after', `\nThere is \`vnet ${name}\`, too: vnet ${name} --help`)
  const parseOptions = command.parseOptions.bind(command)
  command.parseOptions = args => parseOptions(noOffloadAsValue(args))
  command.action(async (args: string[], options: CommonOptions & Record<string, unknown>) => {
    const other = others.find(name => args.some(arg => name === `${driver.name} ${arg}`))
    if (other !== undefined) throw new UsageError(unknownCommand(other))
    if (driver.args === undefined && args.length > 0) throw new UsageError(unknownCommand(args[0]))
    if (args.length > 0 && options.name !== undefined) {
      throw new UsageError(`${driver.name}: name the interfaces by arguments or by --name, not by both`)
    }
    done(await run(driver, paramValues(driver.params, options), args, options, io))
  })
  return command
}

function helpCommand(program: Command, io: Io): Command {
  const command = configure(new Command('help'), io).usage('[COMMAND]').argument('[COMMAND...]')
  return command
    .description('this text, or all about one command')
    .helpGroup('Help:')
    .action((words: string[]) => {
      const name = words.join(' ')
      const about = name === '' ? program : program.commands.find(known => known.name() === name)
      if (about === undefined) throw new UsageError(unknownCommand(name))
      about.outputHelp()
    })
}

function unknownCommand(name: string | undefined): string {
  const names = [...drivers.map(driver => driver.name), LAN, ...controlCommandNames, 'exec']
  if (names.includes(name ?? '')) return `the command comes first: vnet ${name} [OPTIONS]`
  // Those of two words are found by the first.
  const list = names.filter(known => !known.includes(' ')).join(', ')
  return `unknown command or argument '${name}': the commands are ${list}`
}

/** Errors are thrown rather than exiting; main says them. */
function configure(command: Command, io: Io): Command {
  return command
    .exitOverride()
    .configureOutput({ writeOut: text => io.out(text), writeErr: text => io.err(text), outputError: () => {} })
}

/** What commander says, as one line: `--mtu 1: a whole number from 68 to 65521 is needed`. */
export function usageMessage({ message }: CommanderError, program: Command): string {
  const flag = /^error: unknown option '(--[\w-]+)=/.exec(message)?.[1]
  const options = program.commands.flatMap(command => command.options)
  const bare = options.find(
    ({ long, required }) => !required && long?.replace('--no-', '--') === flag?.replace('--no-', '--'),
  )
  if (bare !== undefined) {
    return `option ${flag} takes no value${bare.long === flag ? '' : `: it is on, and ${bare.long} turns it off`}`
  }
  return message
    .trim()
    .replace(/^error: /, '')
    .replace(/^command-argument value '(.*)' is invalid for argument '.*'\. /s, "'$1': ")
    .replace(/(?<=^'.*': )Allowed choices are (.*)\.$/s, 'it is one of $1')
    .replace(/^option '.*(--[\w-]+)[^']*' argument '(.*)' is invalid\. /s, '$1 $2: ')
    .replace(/\s*\n\s*/g, ' ')
}

/** `poolSize` is `--pool-size N`; one that is on or off is a bare `--eth`, or `--no-eth` when it is on by itself. */
function paramOption(name: string, param: Param<unknown>): Option {
  const isOn = param.type === 'bool' && param.default === true
  const flag = `--${isOn ? 'no-' : ''}${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
  const value = param.type === 'bool' ? '' : param.type === 'int' ? ' <n>' : ' <text>'
  const isSet = param.type !== 'bool' && param.default !== undefined && param.default !== 0
  const usual = isOn ? 'default on' : isSet ? `default ${param.default}` : undefined
  const notes = [param.range, usual].filter(note => note !== undefined).join(', ')
  const option = new Option(flag + value, param.description + (notes === '' ? '' : ` (${notes})`))
  if (param.type === 'bool') return option
  return option.default(param.default).argParser(text => {
    try {
      return param.parse(text)
    } catch (error) {
      throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
    }
  })
}

function paramValues(params: Params, options: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(params, name) && value !== undefined)
  return { ...defaultParams(params), ...Object.fromEntries(given) }
}
