/** The program run to its end in this process: for what ends by itself. */
import type { Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { Ended } from './vnet-process.ts'

/** Runs `vnet ARGS` as a user would, and gives what it wrote. */
export async function runMain(...args: readonly string[]): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  const io: Io = {
    out(more) {
      text.stdout += more
    },
    err(more) {
      text.stderr += more
    },
    onEnd: () => () => {},
  }
  return { status: await main(args, io), ...text }
}
