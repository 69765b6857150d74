/** The command line: a command for every driver, its module parameters as options, and the options that all share. */
import { Command, InvalidArgumentError, Option } from 'commander'
import { type Driver, type Param, type Params, UsageError } from '../core/driver.ts'
import { driver as cable } from '../drivers/cable.ts'
import { driver as loop } from '../drivers/loop.ts'
import { driver as snull } from '../drivers/snull.ts'
import type { Io } from './io.ts'
import { type CommonOptions, commonOptions } from './options.ts'
import { run } from './run.ts'

/** Every driver of the program; the first runs when no command is given. */
const drivers = [loop, snull, cable] as const

/** `done` gets the exit status of the command that ran. */
export function createProgram(version: string, io: Io, done: (status: number) => void): Command {
  const program = configure(new Command('vnet'), io)
    .description('Live Linux network interfaces whose driver is TypeScript.')
    .version(version)
    .showSuggestionAfterError()
  for (const driver of drivers)
    program.addCommand(driverCommand(driver as unknown as Driver, io, done), { isDefault: driver.name === 'loop' })
  program.addHelpText(
    'after',
    `
Without a command it is ${loop.name}: \`vnet --help\` lists the commands, \`vnet COMMAND --help\` their options.`,
  )
  return program
}

function driverCommand(driver: Driver, io: Io, done: (status: number) => void): Command {
  const command = configure(new Command(driver.name), io).description(driver.description)
  command.argument('[args...]', driver.args === undefined ? undefined : `as ${driver.args}`)
  command.usage(`[options]${driver.args === undefined ? '' : ` ${driver.args}`}`)
  for (const [name, param] of Object.entries(driver.params)) command.addOption(paramOption(name, param))
  for (const option of commonOptions()) command.addOption(option)
  command.action(async (args: string[], options: CommonOptions & Record<string, unknown>) => {
    if (driver.args === undefined && args.length > 0) {
      throw new UsageError(
        `unknown command or argument '${args[0]}': the commands are ${drivers.map(d => d.name).join(', ')}`,
      )
    }
    done(await run(driver, paramValues(driver.params, options), args, options, io))
  })
  return command
}

/** Errors are one line, and thrown rather than exiting. */
function configure(command: Command, io: Io): Command {
  return command.exitOverride().configureOutput({
    writeOut: text => io.out(text),
    writeErr: text => io.err(text),
    outputError: text =>
      io.err(
        `vnet: ${text
          .trim()
          .replace(/^error: /, '')
          .replace(/\s*\n\s*/g, ' ')} (see vnet --help)\n`,
      ),
  })
}

/** `poolSize` is `--pool-size N`; one that is on or off is a bare `--eth`. */
function paramOption(name: string, param: Param<unknown>): Option {
  const flag = `--${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
  const value = param.type === 'bool' ? '' : param.type === 'int' ? ' <n>' : ' <text>'
  const option = new Option(flag + value, param.description)
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
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, options[name] ?? param.default]))
}
