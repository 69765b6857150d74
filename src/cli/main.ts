/** The program as a function: arguments in, exit status out. */
import { printable, printableLines, shellWord } from '../base/printable.ts'
import { packageVersion } from './own-package.ts'
import { EXIT_OK, type Io } from './process/io.ts'

/**
 * Runs `vnet ARGS`; `argv` is ARGS. Resolves to the exit status and never rejects: an error is one
 * line on stderr, and an error in a file is one line for each problem.
 */
export async function main(argv: readonly string[], raw: Io): Promise<number> {
  // All output except by `pass` is escaped: names and texts of strangers cannot control terminals.
  const commandLine = ['vnet', ...argv.map(shellWord)].join(' ')
  const io: Io = { ...raw, out: escaping(raw.out), err: escaping(raw.err), commandLine }
  const { progress } = raw
  if (progress !== undefined) {
    io.progress = line => progress(line && printable(line))
  }
  // Loading the commands would take most of the time.
  if (argv.length === 1 && (argv[0] === '--version' || argv[0] === '-V')) {
    io.out(`${packageVersion()}\n`)
    return EXIT_OK
  }
  const { runCommandLine } = await import('./command-line.ts')
  return runCommandLine(argv, io)
}

const escaping =
  (write: Io['out']): Io['out'] =>
  (text, colour) =>
    write(printableLines(text), colour)
