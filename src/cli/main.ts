/** The program as a function: arguments in, exit status out. */
import { createRequire } from 'node:module'
import { type Command, CommanderError } from 'commander'
import { FileError, UsageError } from '../core/driver.ts'
import { VnetError } from '../core/errno.ts'
import { describeException } from '../core/exception.ts'
import { printable, printableLines } from '../core/printable.ts'
import { withCommandNames } from './control-commands.ts'
import { isDriverFile, isOtherFile, loadDriver } from './driver-file.ts'
import { withProgramWords } from './exec-command.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type Io } from './io.ts'
import { addDriverFile, createProgram, usageMessage } from './program.ts'

/**
 * Runs `vnet ARGS`. `argv` is without node and the program's name. Never throws: what went wrong is one line on stderr, or with
 * a file one a problem.
 */
export async function main(argv: readonly string[], raw: Io): Promise<number> {
  // The one way to the terminal: nothing that a stranger named or sent reaches it unescaped.
  const io = { ...raw, out: escaping(raw.out), err: escaping(raw.err) }
  let status = EXIT_OK
  const done = (code: number): void => {
    status = code
  }
  const program = await createProgram(version(), argv, io, done)
  try {
    const [file] = argv
    if (isOtherFile(file)) throw new UsageError(`'${file}' is no driver: a driver file ends in .js, .mjs or .ts`)
    if (isDriverFile(file)) addDriverFile(program, file, await loadDriver(file), io, done)
    await program.parseAsync(withProgramWords(withCommandNames(argv)), { from: 'user' })
    return status
  } catch (error) {
    return fail(error, program, io)
  }
}

function escaping(write: (text: string) => void): (text: string) => void {
  return text => write(printableLines(text))
}

function fail(error: unknown, program: Command, io: Io): number {
  // Help and version end as errors with status 0.
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK
  if (error instanceof FileError) {
    for (const line of error.message.split('\n')) io.err(`${program.name()}: ${line}\n`)
    return EXIT_USAGE
  }
  if (error instanceof CommanderError || error instanceof UsageError) {
    const message = error instanceof UsageError ? error.message : usageMessage(error, program)
    io.err(`${program.name()}: ${printable(message)} (see ${program.name()} --help)\n`)
    return EXIT_USAGE
  }
  io.err(`${program.name()}: ${error instanceof VnetError ? printable(error.message) : describeException(error)}\n`)
  return EXIT_FAILURE
}

function version(): string {
  // src/cli and dist/cli lie equally deep.
  return createRequire(import.meta.url)('../../package.json').version
}
