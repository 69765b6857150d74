/** The command of a driver: its module parameters and the options of all drivers. */
import { optionName, UsageError } from '../../base/index.ts'
import { type Driver, defaultParams, type Param, type Params } from '../../netdev/driver.ts'
import { isDriverFile } from '../driver-file.ts'
import { Argument, InvalidArgumentError, type LazyCommand, Option } from '../parse/option.ts'
import { type CommonOptions, commonOptions, placeOptions, refuseStrayCaptureOptions } from '../parse/options.ts'
import { attachByAgent, optionalTargets } from './attach-options.ts'

/** Finds a command, or a subcommand of `under`. */
type CommandNamed = (name: string, under?: string) => Promise<LazyCommand | undefined>

/** Returns the command of a driver: its parameters come first among the options. */
export function driverCommand(driver: Driver, commandNamed: CommandNamed): LazyCommand {
  const params = Object.entries(driver.params).map(([name, param]) => paramOption(name, param))
  const options = [
    ...params.map(option => Object.assign(option, { group: `Options of ${driver.name}:` })),
    ...(driver.attaches ? placeOptions() : []),
    ...commonOptions(driver.attaches),
  ]
  return {
    name: driver.name,
    description: driver.description,
    usage: `[OPTIONS] ${driver.args ?? ''}`.trimEnd(),
    args: [new Argument('[args...]')],
    options,
    async run(io, args: readonly string[], given: CommonOptions & Record<string, unknown>) {
      await refuseArgs(driver, args, given, commandNamed)
      refuseStrayCaptureOptions(given)
      if (given.node === true) return attachByAgent(options, args, given, io)
      const found = driver.attaches ? await optionalTargets(args, given) : undefined
      const values = paramValues(driver.params, found === undefined ? given : { ...given, farSide: true })
      const { run } = await import('../run.ts')
      return run(driver, values, found ?? args, given, io)
    },
  }
}

async function refuseArgs(
  { name, args: usage }: Driver,
  args: readonly string[],
  options: CommonOptions,
  commandNamed: CommandNamed,
) {
  const [first] = args
  if (first === undefined) return
  for (const arg of args) {
    const isSub = (await commandNamed(arg, name)) !== undefined
    if (isSub) throw new UsageError(`the command comes first: vnet ${name} ${arg} [OPTIONS]`)
  }
  if (usage === undefined) {
    if (!isDriverFile(first) && (await commandNamed(first)))
      throw new UsageError(`the command comes first: vnet ${first} [OPTIONS]`)
    throw new UsageError(`${name} takes no arguments, but got '${first}'; --name names the interface`)
  }
  if (options.name !== undefined)
    throw new UsageError(`${name}: name the interfaces by arguments or by --name, not by both`)
}

/** Returns `--pool-size <n>` for `poolSize`; for a bool `--eth`, or `--no-eth` if on by default. */
function paramOption(name: string, param: Param<unknown>): Option {
  const isOn = param.type === 'bool' && param.default === true
  const flag = `--${isOn ? 'no-' : ''}${optionName(name)}`
  const value = param.type === 'bool' ? '' : ` <${param.value ?? (param.type === 'int' ? 'n' : 'text')}>`
  const isSet = param.type !== 'bool' && param.default !== undefined && param.default !== 0
  const { format = String } = param
  const usual = isOn ? 'default on' : isSet ? `default ${format(param.default)}` : undefined
  const notes = [param.range, usual].filter(note => note !== undefined).join(', ')
  const parse = (text: string) => {
    try {
      return param.parse(text)
    } catch (error) {
      const { message, cause } = error instanceof Error ? error : new Error(String(error))
      throw new InvalidArgumentError(message, { cause })
    }
  }
  const description = param.description + (notes === '' ? '' : ` (${notes})`)
  return new Option(flag + value, description, param.type === 'bool' ? undefined : parse)
}

function paramValues(params: Params, options: Record<string, unknown>): Record<string, unknown> {
  const given = Object.entries(options).filter(([name, value]) => Object.hasOwn(params, name) && value !== undefined)
  return { ...defaultParams(params), ...Object.fromEntries(given) }
}
