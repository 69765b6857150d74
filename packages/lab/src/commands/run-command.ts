/** Runs a command on this terminal, in a host of a lab. */
import { once } from 'node:events'
import type { Io } from 'vnet/internal/cli/io'
import { passSignals } from 'vnet/internal/cli/pass-signals'
import type { LabHost } from '../host.ts'
import { statusOf } from '../programs.ts'

/** Returns the exit status of the command, like a shell. */
export async function runCommand(
  host: LabHost,
  [program, ...args]: readonly string[],
  env: NodeJS.ProcessEnv,
  io: Io,
): Promise<number> {
  const child = host.spawn(program as string, args, { env, stdio: 'inherit' })
  const stop = passSignals(io, signal => child.kill(signal))
  try {
    const [status, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
    return statusOf(status, signal)
  } finally {
    stop()
  }
}
