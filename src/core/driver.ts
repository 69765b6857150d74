/**
 * What a driver module exports: `module_init`, `module_exit` and `module_param` in one object. The program makes a command
 * of it: its parameters are options, its arguments are shown as written.
 */
import type { Net } from './net.ts'
import type { NetDevice } from './net-device.ts'
import type { SegmentEntry, SegmentEntryKind } from './segment-entry.ts'

/** A module parameter: how its text is read, and whether it may change while the driver runs. */
export interface Param<T> {
  readonly type: 'int' | 'bool' | 'string'
  readonly default: T
  readonly description: string
  /** The values it may have, for its help: `1 to 64`. */
  readonly range?: string | undefined
  /** May change while running: the driver reads `params` each time it needs the value. */
  readonly live: boolean
  /** Throws a UsageError that says what would do. */
  parse(text: string): T
  /** The text of a value, where it is not the value's own: what `parse` would make it of. */
  format?(value: T): string
}

export type Params = Record<string, Param<unknown>>
export type ParamValues<P extends Params> = { [K in keyof P]: P[K] extends Param<infer T> ? T : never }

interface ParamOptions<T> {
  default: T
  description: string
  live?: boolean
}

/** A whole number, decimal or 0x..., within bounds. */
export function int(options: ParamOptions<number> & { min?: number; max?: number }): Param<number> {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = options
  return {
    type: 'int',
    default: options.default,
    description: options.description,
    live: options.live ?? false,
    range: rangeOf(min, max),
    parse(text) {
      const n = /^(0x[0-9a-f]+|-?\d+)$/i.test(text) ? Number(text) : Number.NaN
      if (!(n >= min && n <= max)) {
        throw new UsageError(
          `'${text}' is not a whole number ${max === Number.MAX_SAFE_INTEGER && !(n > max) ? `of at least ${min}` : `from ${min} to ${max}`}`,
        )
      }
      return n
    },
  }
}

function rangeOf(min: number, max: number): string | undefined {
  if (max !== Number.MAX_SAFE_INTEGER) return `${min} to ${max}`
  return min === 0 ? undefined : `at least ${min}`
}

/** On or off: `--name`, or `--no-name` for one that is on by itself. */
export function bool(options: ParamOptions<boolean>): Param<boolean> {
  return {
    type: 'bool',
    default: options.default,
    description: options.description,
    live: options.live ?? false,
    parse(text) {
      if (/^(1|y|yes|on|true)$/i.test(text)) return true
      if (/^(0|n|no|off|false)$/i.test(text)) return false
      throw new UsageError(`'${text}' is neither 1 nor 0`)
    },
    format: value => (value ? '1' : '0'),
  }
}

/** Text, turned into what `parse` makes of it, if there is one; that throws a UsageError that says what would do. */
export function text<T extends string | undefined>(
  options: ParamOptions<T> & { parse?: undefined; format?: undefined },
): Param<string | (T & undefined)>
export function text<T>(
  options: ParamOptions<T> & { parse: (text: string) => T; format?: (value: T) => string },
): Param<T>
export function text(
  options: ParamOptions<unknown> & {
    parse?: ((text: string) => unknown) | undefined
    format?: ((value: never) => string) | undefined
  },
): Param<unknown> {
  const { default: usual, description, live = false, parse = (value: string) => value, format } = options
  const param: Param<unknown> = { type: 'string', default: usual, description, live, parse }
  return format === undefined ? param : { ...param, format: format as (value: unknown) => string }
}

/** A parameter's value as text; empty when it has none. */
export function formatParam(param: Param<unknown>, value: unknown): string {
  return param.format?.(value) ?? (value === undefined ? '' : String(value))
}

/** What init learns besides its own parameters. */
export interface DriverContext {
  /** The arguments of the command, in order. */
  readonly args: readonly string[]
  readonly net: Net
  /** Interface names asked for with --name, in order. */
  readonly names: readonly string[]
  /** Where interfaces are to be of which an argument does not say it; undefined is the program's. */
  readonly netns?: string | undefined
  /** Queue counts asked for; undefined leaves them to the driver. */
  readonly txqs: number | undefined
  readonly rxqs: number | undefined
}

/** One device for the program to register and configure. */
export interface DeviceSpec {
  readonly dev: NetDevice<never> | NetDevice
  /** Network namespace, by name or path; undefined is the program's. */
  readonly netns?: string | undefined
  /** Protocol addresses, `198.18.0.1/24`. */
  readonly addresses?: readonly string[] | undefined
}

export interface Driver<P extends Params = Params> {
  readonly name: string
  readonly description: string
  /** How the arguments are written: `[[NETNS/]IF0 [NETNS/]IF1]`. Absent: it takes none. */
  readonly args?: string
  readonly params: P
  /** Allocates the devices, at once. The program registers them in this order. Throws a UsageError on arguments it cannot use. */
  init(params: ParamValues<P>, context: DriverContext): readonly DeviceSpec[]
  /** At the end, after the last device is gone; also when something after init went wrong. May be async: it is waited for. */
  exit?(): void | Promise<void>
  /** Reads its configuration again (SIGHUP). What it throws is logged, and it goes on as it was. Absent: there is nothing to read. */
  readonly reload?: (() => void) | undefined
  /**
   * What it needs after `ready` beside CAP_NET_ADMIN: numbers of capabilities, as CAP_SYS_ADMIN.
   * All others are given up when the promise settles, so what takes them is open by then.
   */
  capabilities?(): Promise<readonly number[]>
  /** What is on the segment behind its devices, of the kinds asked for, made as it is read. Absent: there is no segment. */
  segment?(kinds: ReadonlySet<SegmentEntryKind>): Iterable<SegmentEntry>
  /** The address by which one of the host's own is reached over the driver, where there is one; to tell what to try. */
  farEnd?(address: Uint8Array): Uint8Array
}

/** The values of parameters that nobody set. */
export function defaultParams<P extends Params>(params: P): ParamValues<P> {
  return Object.fromEntries(Object.entries(params).map(([name, param]) => [name, param.default])) as ParamValues<P>
}

/** A driver module, ours or a user's: `export const driver = defineDriver({ ... })`. */
export function defineDriver<P extends Params>(driver: Driver<P>): Driver<P> {
  return driver
}

/** The user asked for something that makes no sense: one line, exit status 2. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError'
}

/** A file that the user named makes no sense: a line a problem, each with its place, which says more than any help. */
export class FileError extends UsageError {
  override readonly name = 'FileError'
}

/** Where an interface is wanted: `far/sn1` is sn1 in the namespace far, `/proc/7/ns/net/sn1` names it by path. */
export interface InterfaceArg {
  readonly name: string
  readonly netns: string | undefined
}

/** Reads `[NETNS/]IF`. */
export function interfaceArg(text: string): InterfaceArg {
  const slash = text.lastIndexOf('/')
  if (slash < 0) return { name: text, netns: undefined }
  if (slash === 0 || slash === text.length - 1) throw new UsageError(`'${text}' is not [NETNS/]IF: a part is missing`)
  return { name: text.slice(slash + 1), netns: text.slice(0, slash) }
}

/** The interfaces a driver of `defaults.length` devices makes: from its arguments, else --name, else the defaults. */
export function interfaceArgs({ args, names }: DriverContext, defaults: readonly string[]): InterfaceArg[] {
  const given = args.length > 0 ? args : names
  if (given.length > defaults.length) {
    throw new UsageError(`${given.length} interface names, of which ${defaults.length} can be used`)
  }
  if (args.length > 0 && args.length < defaults.length) {
    throw new UsageError(`${args.length} of ${defaults.length} interfaces named: name all of them, or none`)
  }
  return defaults.map((name, i) => interfaceArg(given[i] ?? name))
}
