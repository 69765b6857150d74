/** The command of a driver: its module parameters and the options of all drivers. */
import { didYouMean, optionName, UsageError } from '../../base/index.ts'
import type { Driver, Param, Params } from '../../netdev/driver.ts'
import { isDriverFile } from '../driver-file.ts'
import {
  defineCommand,
  InvalidArgumentError,
  type LazyCommand,
  type Option,
  option,
} from '../parse/option.ts'
import {
  type CommonOptions,
  commonOptions,
  PLACE_OPTIONS,
  refuseStrayCaptureOptions,
} from '../parse/options.ts'
import { attachByAgent, optionalTargets } from './attach-options.ts'

/** Finds a command, or a subcommand of `under`. */
type CommandNamed = (name: string, under?: string) => Promise<LazyCommand | undefined>

/** Returns the command of a driver: its parameters come first among the options. */
export function driverCommand(driver: Driver, commandNamed: CommandNamed): LazyCommand {
  const params = Object.entries(driver.params).map(([name, param]) => paramOption(name, param))
  const options = [
    ...params.map(each => ({ ...each, group: `Options of ${driver.name}:` })),
    ...(driver.attaches ? PLACE_OPTIONS : []),
    ...commonOptions(driver.attaches),
  ]
  return defineCommand({
    name: driver.name,
    description: driver.description,
    usage: `[OPTIONS] ${driver.args ?? ''}`.trimEnd(),
    args: ['[args...]'],
    options,
    examples: {},
    async run(io, words, chosen) {
      const { args, params: assigned } = assignments(driver, words, chosen, options)
      const given = { ...chosen, ...assigned }
      await refuseArgs(driver, args, given, commandNamed)
      refuseStrayCaptureOptions(given)
      if (given.node === true) return attachByAgent(options, args, given, io)
      const found = driver.attaches ? await optionalTargets(args, given) : undefined
      const values = givenParams(
        driver.params,
        found === undefined ? given : { ...given, farSide: true },
      )
      const { run } = await import('../run.ts')
      const owners = found?.map(({ owner }) => owner)
      return run(driver, values, found?.map(({ name }) => name) ?? args, { ...given, owners }, io)
    },
  })
}

/**
 * Takes `name=value` from the arguments: parameters as insmod(8) and `vnet param` take them. What
 * follows a slash belongs to the name of an interface: `/run/netns/a=b/eth0`. Throws a UsageError.
 */
function assignments(
  { name: driver, params }: Driver,
  words: readonly string[],
  chosen: Readonly<Record<string, unknown>>,
  options: readonly Option[],
): { readonly args: readonly string[]; readonly params: Record<string, unknown> } {
  const args: string[] = []
  const taken: Record<string, unknown> = {}
  for (const word of words) {
    const [, written, value = ''] = /^([^=/]*)=(.*)$/s.exec(word) ?? []
    if (written === undefined) {
      args.push(word)
      continue
    }
    const name = Object.keys(params).find(
      each => each === written || optionName(each) === written.replaceAll('_', '-'),
    )
    if (name === undefined) {
      throw new UsageError(`${word}: ${unknownParam(driver, params, written, options)}`)
    }
    if (Object.hasOwn(taken, name) || Object.hasOwn(chosen, name)) {
      throw new UsageError(`${word}: ${optionName(name)} is given twice`)
    }
    try {
      taken[name] = params[name]?.parse(value)
    } catch (error) {
      if (!(error instanceof UsageError)) throw error
      throw new UsageError(`${word}: ${error.message}`, { cause: error.cause })
    }
  }
  return { args, params: taken }
}

function unknownParam(
  driver: string,
  params: Params,
  written: string,
  options: readonly Option[],
): string {
  const flag = `--${written.replaceAll('_', '-')}`
  const same = options.find(({ long }) => long === flag)
  if (same !== undefined) {
    return `this is an option: write ${flag}${same.value === undefined ? '' : ' VALUE'}`
  }
  const known = Object.keys(params).map(optionName)
  const advice =
    didYouMean(written, known) || (known.length > 0 ? `; it has ${known.join(', ')}` : '')
  return `${driver} has no parameter '${written}'${advice}`
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
    if (!isDriverFile(first) && (await commandNamed(first))) {
      throw new UsageError(`the command comes first: vnet ${first} [OPTIONS]`)
    }
    throw new UsageError(
      `${name} takes no arguments, but got '${first}'; --name names the interface`,
    )
  }
  if (options.name !== undefined) {
    throw new UsageError(`${name}: name the interfaces by arguments or by --name, not by both`)
  }
}

/** Returns `--pool-size <n>` for `poolSize`; for a bool `--eth`, or `--no-eth` if on by default. */
function paramOption(name: string, param: Param<unknown>): Option {
  const isOn = param.type === 'bool' && param.default === true
  const flag = `--${isOn ? 'no-' : ''}${optionName(name)}`
  const notes = [param.range, defaultText(param)].filter(note => note !== undefined).join(', ')
  const parse = (text: string) => {
    try {
      return param.parse(text)
    } catch (error) {
      const { message, cause } = error instanceof Error ? error : new Error(String(error))
      throw new InvalidArgumentError(message, { cause })
    }
  }
  const description = param.description + (notes === '' ? '' : ` (${notes})`)
  if (param.type === 'bool') return option(flag, description)
  return option(`${flag} <${param.value ?? (param.type === 'int' ? 'n' : 'text')}>`, description, {
    parse,
  })
}

/** Returns the default as help texts show it; undefined for one that goes without saying. */
function defaultText(param: Param<unknown>): string | undefined {
  if (param.type === 'bool') return param.default === true ? 'default on' : undefined
  if (param.default === undefined || param.default === 0) return undefined
  const { format = String } = param
  return `default ${format(param.default)}`
}

function givenParams(
  params: Params,
  options: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  const given = Object.entries(options).filter(
    ([name, value]) => Object.hasOwn(params, name) && value !== undefined,
  )
  return Object.fromEntries(given)
}
