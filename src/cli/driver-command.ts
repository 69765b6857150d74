/** The command of a driver: its module parameters and the options of all drivers. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import { UsageError } from '../base/usage-error.ts'
import { type Driver, defaultParams, type Param, type Params } from '../netdev/driver.ts'
import { addAttachOptions, attachByNode, optionalTargets } from './attach-options.ts'
import { isDriverName } from './drivers.ts'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import { addCommonOptions, type CommonOptions, refuseStrayCaptureOptions } from './options.ts'

/** Turns an empty command into the driver's, still without options and action. */
export function describeDriver(command: Command, { description, args }: Pick<Driver, 'description' | 'args'>): Command {
  return command
    .description(description)
    .usage(`[OPTIONS] ${args ?? ''}`.trimEnd())
    .argument('[args...]')
}

/** Adds the options and the action. */
export function addDriver(command: Command, driver: Driver, io: Io, done: (status: number) => void): void {
  for (const [name, param] of Object.entries(driver.params)) {
    command.addOption(paramOption(name, param).helpGroup(`Options of ${driver.name}:`))
  }
  if (driver.attaches) addAttachOptions(command)
  commandHelp(addCommonOptions(command, driver.attaches))
  command.action(async (args: string[], options: CommonOptions & Record<string, unknown>) => {
    refuseArgs(command, driver, args, options)
    refuseStrayCaptureOptions(options)
    if (options.node === true) {
      done(await attachByNode(command, args, io))
      return
    }
    const found = driver.attaches ? await optionalTargets(args, options) : undefined
    const params = paramValues(driver.params, found === undefined ? options : { ...options, farSide: true })
    const { run } = await import('./run.ts')
    done(await run(driver, params, found ?? args, options, io))
  })
}

function refuseArgs(command: Command, { name, args: usage }: Driver, args: readonly string[], options: CommonOptions) {
  const [first] = args
  if (first === undefined) return
  const sub = command.commands.find(sub => args.includes(sub.name()))
  if (sub !== undefined) throw new UsageError(`the command comes first: vnet ${name} ${sub.name()} [OPTIONS]`)
  if (usage === undefined) {
    const isCommand = isDriverName(first) || command.parent?.commands.some(other => other.name() === first)
    if (isCommand) throw new UsageError(`the command comes first: vnet ${first} [OPTIONS]`)
    throw new UsageError(`${name} takes no arguments, but got '${first}'; --name names the interface`)
  }
  if (options.name !== undefined) {
    throw new UsageError(`${name}: name the interfaces by arguments or by --name, not by both`)
  }
}

/** Returns `--pool-size <n>` for `poolSize`; for a bool `--eth`, or `--no-eth` if on by default. */
function paramOption(name: string, param: Param<unknown>): Option {
  const isOn = param.type === 'bool' && param.default === true
  const flag = `--${isOn ? 'no-' : ''}${name.replace(/[A-Z]/g, letter => `-${letter.toLowerCase()}`)}`
  const value = param.type === 'bool' ? '' : ` <${param.value ?? (param.type === 'int' ? 'n' : 'text')}>`
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
