/** `vnet run`: a command on the machine's network, past a wire. */
import { FileError, UsageError } from 'vnet/internal/base/usage-error'
import { complain, EXIT_FAILURE, type Io } from 'vnet/internal/cli/io'
import { enterForLab } from 'vnet/internal/cli/rootless'
import { loadNative } from 'vnet/internal/linux/native'
import { prepareWayOut } from 'vnet/internal/linux/way-out'
import { LabUnavailableError } from '../rights.ts'

export interface RunOptions {
  readonly wire?: string
  readonly wireIn?: string
  readonly wireOut?: string
  /** Milliseconds after which the wire is set. */
  readonly after?: number
  readonly seed?: number
  readonly scenario?: string
  readonly capture?: string
  readonly mtu?: number
  readonly internet?: boolean
  readonly publish?: readonly number[]
  readonly localhost?: readonly number[]
  readonly drop?: string
  readonly delay?: number
  readonly nth?: number
  readonly first?: number
  readonly every?: number
  readonly repeat?: number
  readonly json?: string
  readonly quiet?: boolean
}

/**
 * Returns the exit status of the command; with --repeat, 0 if every run had status 0. An ordinary
 * user's process executes itself again in namespaces of its own: all else is loaded there only.
 */
export async function run(command: readonly string[], options: RunOptions, io: Io): Promise<number> {
  const { internet = true, publish = [], localhost = [] } = options
  if (!internet && publish.length > 0) {
    throw new UsageError('--publish: with --no-internet no port leads to the command')
  }
  if (!internet && localhost.length > 0) {
    throw new UsageError('--localhost: with --no-internet no port leads to the machine')
  }
  try {
    const native = loadNative()
    if (io.own) await enterForLab(native, internet ? () => prepareWayOut(native) : undefined)
    // The worker starts while this thread loads the rest.
    const { LabWorker } = await import('../lab-worker.ts')
    const worker = LabWorker.take()
    try {
      const { runInLab } = await import('./run-lab.ts')
      return await runInLab(command, options, io)
    } finally {
      worker.release()
    }
  } catch (error) {
    // The worker's error about a wire spec: the mistake, the text, and carets under it.
    if (error instanceof UsageError && error.message.includes('\n')) throw new FileError(error.message)
    if (!(error instanceof LabUnavailableError)) throw error
    complain(io, error.message)
    return EXIT_FAILURE
  }
}
