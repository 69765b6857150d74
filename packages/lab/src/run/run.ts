/** `vnet run`: a command on the machine's network, past a wire. */
import { constants } from 'node:os'
import { FileError, UsageError } from 'vnet'
import { complain, EXIT_FAILURE, enterCommand, type Io } from 'vnet/kit/cli'
import { loadNative, type Native } from 'vnet/kit/linux'
import { addressesOf, RouteSocket, WayOut } from 'vnet/kit/net'
import { addressesOf as addressesOnLink, LabUnavailableError, RUN_ROUTER } from '../model/index.ts'
import { enterForLab } from './enter-for-lab.ts'

/** The options of `vnet run`, under the names of its flags. Times are milliseconds. */
export interface RunOptions {
  readonly wire: string | undefined
  readonly wireIn: string | undefined
  readonly wireOut: string | undefined
  /** Milliseconds after which the wire is set. */
  readonly after: number | undefined
  readonly seed: number | undefined
  readonly scenario: string | undefined
  readonly capture: string | undefined
  readonly mtu: number | undefined
  readonly internet: boolean | undefined
  readonly publish: readonly number[] | undefined
  readonly localhost: readonly number[] | undefined
  readonly drop: string | undefined
  readonly delay: number | undefined
  readonly nth: number | undefined
  readonly first: number | undefined
  readonly every: number | undefined
  readonly data: boolean | undefined
  readonly repeat: number | undefined
  readonly json: string | undefined
  readonly quiet: boolean | undefined
}

/** How this process is to end. */
export interface RunEnd {
  readonly status: number
  /** The signal by which the user has ended the run. */
  readonly signal?: NodeJS.Signals | undefined
}

/**
 * Returns the exit status of the command; with --repeat, 0 if every run had status 0. An ordinary
 * user's process executes itself again in namespaces of its own: all else is loaded there only.
 */
export async function run(
  command: readonly string[],
  options: RunOptions,
  io: Io,
): Promise<number> {
  const { internet = true, publish = [], localhost = [] } = options
  if (!internet && publish.length > 0) {
    throw new UsageError('--publish: with --no-internet no port leads to the command')
  }
  if (!internet && localhost.length > 0) {
    throw new UsageError('--localhost: with --no-internet no port leads to the machine')
  }
  const repeated = publish.find((port, at) => publish.indexOf(port) !== at)
  if (repeated !== undefined) throw new UsageError(`--publish ${repeated}: the port is given twice`)
  try {
    const native = loadNative()
    const taken = enterCommand() === undefined ? await WayOut.takenPort(publish) : undefined
    if (taken !== undefined) throw new LabUnavailableError(`--publish ${taken}: the port is in use`)
    if (isInsideRun(native)) throw new LabUnavailableError('vnet run cannot run inside vnet run')
    if (io.own) {
      await enterForLab(native, internet ? () => WayOut.prepare(native) : undefined)
    }
    const { runInLab } = await import('./run-lab.ts')
    const { status, signal } = await runInLab(command, options, io)
    // A shell ends its loop only if its command was ended by Ctrl-C.
    if (signal !== undefined && io.onSignal !== undefined) {
      native.endAs(status, constants.signals[signal])
    }
    return status
  } catch (error) {
    // An error about a wire spec: the mistake, the text, and carets under it.
    if (error instanceof UsageError && error.message.includes('\n')) {
      throw new FileError(error.message)
    }
    if (!(error instanceof LabUnavailableError)) throw error
    complain(io, error.message)
    return EXIT_FAILURE
  }
}

/** Returns whether this process is the command of another run, which has the same addresses. */
function isInsideRun(native: Native): boolean {
  using sock = RouteSocket.open(native)
  const [address = ''] = addressesOnLink(1, 1)
  return addressesOf(sock, RUN_ROUTER).includes(address)
}
