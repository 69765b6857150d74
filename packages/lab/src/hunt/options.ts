/** The options of an exploration of commands: `vnet explore --server CMD --client CMD`. */
import { existsSync } from 'node:fs'
import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { durationOf, optionName } from 'vnet/kit/base'
import { STREAM_FAULTS, type StreamFault } from './conversation.ts'
import { clientWords } from './warm.ts'

export interface HuntOptions {
  /** Lines for sh(1). */
  readonly server: string
  readonly clients: readonly string[]
  /** A text on the server's output; without one it is ready when it listens on a TCP port. */
  readonly ready: string | undefined
  /** Milliseconds in which a client must end. */
  readonly within: number
  /** The statuses besides 0 that a client may have; undefined for all. */
  readonly errors: readonly number[] | undefined
  /** The most labs at a time. */
  readonly labs: number
  readonly faults: readonly StreamFault[]
  readonly promise: string | undefined
  readonly fresh: boolean
  readonly warm: string | undefined
  /** Milliseconds after which everything ends. */
  readonly budget: number | undefined
}

/** The options of the command line that belong to commands. */
export interface HuntCliOptions {
  readonly server: string | undefined
  readonly ready: string | undefined
  readonly client: readonly string[] | undefined
  readonly endsWithin: number | undefined
  readonly errors: readonly number[] | undefined
  readonly labs: number | undefined
  readonly fresh: boolean | undefined
  readonly warm: string | undefined
}

/** The options of the command line that commands share with labs and scenarios. */
interface SharedOptions {
  readonly faults: readonly string[] | undefined
  readonly promise: string | undefined
  /** Milliseconds, or a duration such as 60s. */
  readonly budget: number | string | undefined
}

const WITHIN_MS = 10_000
const LABS = 4
const SHARED: readonly string[] = ['faults', 'promise', 'budget', 'json']
/** What to give in place of an option of labs and scenarios. */
const INSTEAD: Readonly<Record<string, string>> = {
  timeout: '--ends-within',
  concurrency: '--labs',
  compare: 'output and files are always compared',
  points: 'faults are always at bytes',
  repeat: 'each finding is repeated and has a reproducer',
}

/**
 * Returns the options of an exploration of commands; undefined without `--server`, for one of a lab
 * or a scenario. Throws a UsageError for options that do not belong together. `others` are all
 * other options.
 */
export function huntOptions(
  file: string | undefined,
  command: readonly string[],
  own: HuntCliOptions,
  others: SharedOptions,
): HuntOptions | undefined {
  const { server, ready, client = [], endsWithin, errors, labs, fresh = false, warm } = own
  if (server === undefined) {
    const [stray] = givenIn({ ...own, server: undefined })
    if (stray === undefined) return undefined
    throw new UsageError(`--${optionName(stray)}: only with --server, which it belongs to`)
  }
  const extra = file ?? command[0]
  if (extra !== undefined) {
    throw new UsageError(`${extra}: with --server there is no file, and the client is --client`)
  }
  const [wrong] = givenIn(others).filter(name => !SHARED.includes(name))
  if (wrong !== undefined) {
    const instead = INSTEAD[wrong]
    const advice = instead === undefined ? '' : `: ${instead}`
    throw new UsageError(`--${optionName(wrong)}: not with --server${advice}`)
  }
  const [first] = client
  if (first === undefined) {
    throw new UsageError("--server: give the command of the client, too: --client 'curl server'")
  }
  if (warm !== undefined) {
    client.forEach(clientWords)
  }
  return {
    server,
    clients: client,
    ready,
    within: endsWithin ?? WITHIN_MS,
    errors,
    labs: labs ?? LABS,
    faults: faultsOf(others.faults),
    promise: others.promise,
    fresh,
    warm,
    budget: others.budget === undefined ? undefined : durationOf(others.budget) / NSEC_PER_MSEC,
  }
}

const givenIn = (options: object): string[] =>
  Object.entries(options).flatMap(([name, value]) => (value === undefined ? [] : [name]))

function faultsOf(given: readonly string[] = STREAM_FAULTS): StreamFault[] {
  const faults = given.map(text => {
    const known = STREAM_FAULTS.find(each => each === text)
    if (known !== undefined) return known
    throw new UsageError(
      `--faults: '${text}' is not a fault of commands, which are ${STREAM_FAULTS.join(', ')}`,
    )
  })
  return [...new Set(faults)]
}

/**
 * Returns advice about a client that has failed without faults: a file of this directory, which the
 * client's own directory does not have. '' without one.
 */
export function adviceFor(client: string): string {
  const words = client.split(/\s+/)
  const found = words.find(word => /^[\w][\w./-]*$/.test(word) && existsSync(word))
  return found === undefined
    ? ''
    : `; it runs in an empty directory, where this file is $VNET_CWD/${found}`
}
