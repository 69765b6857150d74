/**
 * The contract of a driver module: `module_init`, `module_exit` and `module_param` in one object.
 * The program makes a command of it, with its parameters as options and interfaces as arguments.
 */
import { describeException, EINVAL, type Log, UsageError, VnetError } from '../base/index.ts'
import type { WireResources } from './device-wire.ts'
import { type InterfaceArg, interfaceArg } from './if.ts'
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'

/** A module parameter: how its text is read, and whether it may change while the driver runs. */
export interface Param<T> {
  readonly type: 'int' | 'bool' | 'string'
  readonly default: T
  readonly description: string
  /** The values it may have, for the help text: `1 to 64`. */
  readonly range?: string | undefined
  /** The name of the value in the help text: `file`; by default `n` or `text`. */
  readonly value?: string | undefined
  /**
   * The kind of thing that the value names, for the program that loads the driver: an interface of
   * the program's own network namespace, or a scenario file, for which the driver needs the parser.
   */
  readonly names?: 'interface' | 'scenario' | 'stages' | undefined
  /** The bool parameter that is turned on with it, because it does nothing without. */
  readonly implies?: string | undefined
  /** True if it may change while the driver runs, which then reads `params` for each use. */
  readonly live: boolean
  /** Parses the value. Throws a UsageError that lists the valid values. */
  parse(text: string): T
  /** Returns the text of a value, as `parse` takes it; by default String(value). */
  format?(value: T): string
}

export type Params = Record<string, Param<unknown>>
export type ParamValues<P extends Params> = {
  [K in keyof P]: P[K] extends Param<infer T> ? T : never
}

type ParamOptions<T> = Pick<Param<T>, 'default' | 'description' | 'implies'> &
  Partial<Pick<Param<T>, 'live'>>

/** Returns a parameter that is a whole number, decimal or 0x..., within bounds. */
export function int(options: ParamOptions<number> & { min?: number; max?: number }): Param<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER, live = false, ...rest } = options
  return {
    ...rest,
    type: 'int',
    live,
    range: rangeOf(min, max),
    parse(written) {
      const n = /^(0x[0-9a-f]+|-?\d+)$/i.test(written) ? Number(written) : Number.NaN
      if (n >= min && n <= max) return n
      const isUnbounded = max === Number.MAX_SAFE_INTEGER && !(n > max)
      const bounds = isUnbounded ? `of at least ${min}` : `from ${min} to ${max}`
      throw new UsageError(`'${written}' is not a whole number ${bounds}`)
    },
  }
}

/** Returns the text of the bounds; undefined for any whole number from 0. */
function rangeOf(min: number, max: number): string | undefined {
  if (max !== Number.MAX_SAFE_INTEGER) return `${min} to ${max}`
  return min === 0 ? undefined : `at least ${min}`
}

/** Returns a parameter that is on or off: `--name`, or `--no-name` if it is on by default. */
export function bool(options: ParamOptions<boolean>): Param<boolean> {
  return {
    live: false,
    ...options,
    type: 'bool',
    parse(written) {
      if (/^(1|y|yes|on|true)$/i.test(written)) return true
      if (/^(0|n|no|off|false)$/i.test(written)) return false
      throw new UsageError(`'${written}' is neither 1 nor 0`)
    },
    format: value => (value ? '1' : '0'),
  }
}

/** Returns a parameter that is text, or the value that `parse` makes of it. */
export function text<T extends string | undefined>(
  options: ParamOptions<T> &
    Pick<Param<T>, 'value' | 'names'> & { parse?: undefined; format?: undefined },
): Param<string | (T & undefined)>
export function text<T>(
  options: ParamOptions<T> &
    Pick<Param<T>, 'value'> & { parse: (text: string) => T; format?: (value: T) => string },
): Param<T>
export function text({
  live = false,
  parse = (written: string) => written,
  ...rest
}: ParamOptions<unknown> & {
  parse?: Param<unknown>['parse'] | undefined
  format?: unknown
}): Param<unknown> {
  return { ...rest, type: 'string', live, parse } as Param<unknown>
}

/** Returns the values that are set of the parameters that name such a thing. */
export function namedBy(
  params: Params,
  values: Record<string, unknown>,
  what: Param<unknown>['names'],
): string[] {
  const set = Object.entries(params).filter(
    ([name, { names }]) => names === what && values[name] !== undefined,
  )
  return set.map(([name]) => `${values[name]}`)
}

/** Returns a parameter's value as text; empty if it has none. */
export function formatParam(param: Param<unknown>, value: unknown): string {
  return param.format?.(value) ?? (value === undefined ? '' : String(value))
}

/**
 * The context that `init` gets besides its own parameters. Everything in it is valid until `exit`;
 * the Net is the program's, so the driver closes nothing of it.
 */
export interface DriverContext {
  /** The arguments of the command, in order. */
  readonly args: readonly string[]
  readonly net: Net
  /** Interface names given by --name, in order. */
  readonly names: readonly string[]
  /** Network namespace for interface arguments that name none. Undefined is the program's own. */
  readonly netns?: string | undefined
  /** Numbers of queues that were requested; undefined leaves them to the driver. */
  readonly txqs?: number | undefined
  readonly rxqs?: number | undefined
  /** Files and filters for wire specs. Without it, specs cannot refer to any. */
  readonly wireResources?: WireResources | undefined
}

/** A device of any private data. */
export type AnyDevice = NetDevice<never> | NetDevice

/**
 * One device for the program to register and configure. The program owns the device from then on
 * and unregisters it at the end. An error of `prepare` or `complete` ends the run: all devices are
 * unregistered, and `exit` is called.
 */
export interface DeviceSpec<Dev extends AnyDevice = AnyDevice> {
  readonly dev: Dev
  /** Network namespace, by name or path; undefined is the program's. */
  readonly netns?: string | undefined
  /** Protocol addresses, `198.18.0.1/24`. */
  readonly addresses?: readonly string[] | undefined
  /** Called before the device is registered, for preparations that must be complete by then. */
  prepare?(): Promise<void>
  /** Called once the device is up, for work that must end before the program is ready. */
  complete?(): Promise<void>
}

/**
 * A driver module. The program reads the texts to make a command of it, calls `init` once for each
 * run, registers the returned devices in order, and calls `exit` at the end. One module may be
 * loaded several times in a process, so state of a run belongs to its devices, not to the module.
 *
 * `Dev` is the type of its devices, which gives tests the type of their private data.
 */
export interface Driver<P extends Params = Params, Dev extends AnyDevice = AnyDevice> {
  readonly name: string
  readonly description: string
  /** The arguments, as `[[NETNS/]IF0 [NETNS/]IF1]`. Without it the driver takes none. */
  readonly args?: string
  readonly params: P
  /** True if the interfaces exist already: the command has no options that make interfaces. */
  readonly attaches?: true
  /**
   * Allocates the devices; not async. The program registers them in this order. Throws a UsageError
   * for arguments that it cannot use.
   */
  init(params: ParamValues<P>, context: DriverContext): readonly DeviceSpec<Dev>[]
  /**
   * Called at the end, after the last device is unregistered, and after a failure that follows
   * init. May be async: the program waits for it.
   */
  exit?(): void | Promise<void>
  /**
   * Reads the configuration again (SIGHUP). An exception is logged, and the driver continues
   * unchanged. A driver without it has nothing to read again.
   */
  readonly reload?: (() => void) | undefined
  /**
   * Returns the numbers of the capabilities that the driver needs after `ready` besides
   * CAP_NET_ADMIN, such as CAP_SYS_ADMIN. All others are dropped when the promise settles, so
   * anything that needs them must be open by then.
   */
  capabilities?(): Promise<readonly number[]>
  /**
   * Returns the entries (SegmentEntry), of the kinds requested, of the segment that the devices
   * lead to. They are made while they are read. A driver without it has no segment.
   */
  segment?(kinds: ReadonlySet<string>): Iterable<{ readonly kind: string }>
  /**
   * True if the driver flips the addresses of frames (drivers/flip), so that flipAddress returns
   * the address that reaches one of the machine's own addresses through the driver.
   */
  readonly flips?: true
  /**
   * Arguments with which a program may load the driver once more, on a Net without a kernel, to
   * send frames through its devices: V8 then compiles the path of frames before frames of users
   * arrive. `init` and `exit` are called for this load, too. A driver without it is not warmed up.
   */
  readonly warmUpArgs?: readonly string[]
}

/** Returns the default value of each parameter. */
export function defaultParams<P extends Params>(params: P): ParamValues<P> {
  return Object.fromEntries(
    Object.entries(params).map(([name, param]) => [name, param.default]),
  ) as ParamValues<P>
}

/** Returns the values of all parameters: those given, those they imply, and otherwise defaults. */
export function paramValues<P extends Params>(
  params: P,
  given: Partial<ParamValues<P>> = {},
): ParamValues<P> {
  const implied = Object.keys(given).flatMap(name => params[name]?.implies ?? [])
  return {
    ...defaultParams(params),
    ...Object.fromEntries(implied.map(name => [name, true])),
    ...given,
  }
}

/** Declares a driver module: `export const driver = defineDriver({ ... })`. */
export function defineDriver<P extends Params, Dev extends AnyDevice>(
  driver: Driver<P, Dev>,
): Driver<P, Dev> {
  return driver
}

/** Throws a VnetError unless init returned devices. `log` gets the error of an async init. */
export function checkSpecs({ name }: { readonly name: string }, specs: unknown, log: Log): void {
  if (
    Array.isArray(specs) &&
    specs.length > 0 &&
    specs.every(spec => typeof spec?.dev === 'object' && spec.dev)
  ) {
    return
  }
  let advice = 'it must return a list of at least one device: [{ dev }]'
  if (specs instanceof Promise) {
    advice = `it must not be async: ${advice}`
    specs.catch(error => log.err(`${name}: init: ${describeException(error)}`))
  }
  throw new VnetError(EINVAL, `init of ${name}`, advice)
}

/**
 * Returns the interfaces that a driver of `defaults.length` devices makes: from its arguments,
 * otherwise from --name, otherwise the defaults. Throws a UsageError.
 */
export function interfaceArgs(
  { args, names }: DriverContext,
  defaults: readonly string[],
): InterfaceArg[] {
  const given = args.length > 0 ? args : names
  if (given.length > defaults.length) {
    throw new UsageError(`${given.length} interface names, of which ${defaults.length} can be used`)
  }
  if (args.length > 0 && args.length < defaults.length) {
    throw new UsageError(
      `${args.length} of ${defaults.length} interfaces named: name all of them, or none`,
    )
  }
  return defaults.map((name, i) => interfaceArg(given[i] ?? name))
}
