/** Runs a command on this terminal, in a host of a lab. */
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { attempt } from 'vnet'
import { type Io, namedDescriptors, passSignals, statusOf } from 'vnet/kit/cli'
import { statOf } from 'vnet/kit/linux'
import type { LabHost } from '../network/host.ts'

/** Returns the exit status of the command, like a shell. It gets the signals of this process. */
export async function runCommand(
  host: LabHost,
  [program, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  io: Io,
): Promise<number> {
  const child = host.spawn(program as string, args, { env, stdio: terminalStreams(args) })
  const stop = passSignals(io, signal => child.kill(signal))
  const stopJob = io.onSignal && stopWith(child)
  try {
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    return statusOf(status, signal)
  } finally {
    stop()
    stopJob?.()
  }
}

/**
 * Makes this process stop and continue with the command. `child` is its launcher. It does not
 * stop before: the shell would prompt while the command still reads the terminal. Returns an undo.
 */
function stopWith(child: ChildProcess): () => void {
  const remain = () => {}
  const onChange = () => {
    // The launcher itself stops only before it has started the command.
    if (![child.pid, commandOf(child.pid)].some(isStopped)) return
    process.off('SIGTSTP', remain)
    process.kill(process.pid, 'SIGTSTP')
    process.on('SIGTSTP', remain)
  }
  const onContinue = () => child.kill('SIGCONT')
  process.on('SIGTSTP', remain).on('SIGCHLD', onChange).on('SIGCONT', onContinue)
  return () => process.off('SIGTSTP', remain).off('SIGCHLD', onChange).off('SIGCONT', onContinue)
}

const isStopped = (pid: number | undefined) => pid !== undefined && statOf(pid)?.[0] === 'T'

/** Returns the process of the command, the last one that its launcher has started. */
function commandOf(launcher: number | undefined): number | undefined {
  const children = attempt(() =>
    readFileSync(`/proc/${launcher}/task/${launcher}/children`, 'latin1'),
  )
  return children === undefined ? undefined : Number(children.trim().split(' ').at(-1))
}

/** The last descriptor that every program has. */
const STDERR = 2

/** Returns `stdio` of a program for this terminal: its arguments may name inherited descriptors. */
export function terminalStreams(args: readonly string[]): ('inherit' | 'ignore' | number)[] {
  const named = namedDescriptors(args)
  const length = 1 + (named.at(-1) ?? STDERR)
  return Array.from({ length }, (_, fd) => {
    if (fd <= STDERR) return 'inherit'
    return named.includes(fd) ? fd : 'ignore'
  })
}
