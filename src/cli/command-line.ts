/** Runs a command line: finds its command, loads the code for it, and reports its errors. */
import { type Command, CommanderError } from 'commander'
import { VnetError } from '../base/errno.ts'
import { describeException } from '../base/exception.ts'
import { printable } from '../base/printable.ts'
import { FileError, UsageError } from '../base/usage-error.ts'
import { isDriverFile, isOtherFile } from './driver-file.ts'
import { loadDrivers } from './drivers.ts'
import { EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type Io } from './io.ts'
import { addDriverFile, createProgram, firstWord, usageMessage } from './program.ts'
import { packageVersion } from './version.ts'

/** Runs `vnet ARGS`; `argv` is ARGS. Never throws. */
export async function runCommandLine(argv: readonly string[], io: Io): Promise<number> {
  let status = EXIT_OK
  const done = (code: number): void => {
    status = code
  }
  let program: Command | undefined
  let word: string | undefined
  try {
    word = firstWord(argv)
    program = await createProgram(packageVersion(), await loadDrivers(word, argv), word, io, done)
    if (isOtherFile(word)) throw new UsageError(`'${word}' is no driver: a driver file ends in .js, .mjs or .ts`)
    if (isDriverFile(word)) await addDriverFile(program, word, io, done)
    await program.parseAsync(argv, { from: 'user' })
    return status
  } catch (error) {
    const commands = [...(program?.commands ?? [])]
    // The advice may name a command or an option that was not loaded.
    if (error instanceof CommanderError && error.exitCode !== 0) {
      const all = await createProgram(packageVersion(), await loadDrivers(), undefined, io, done)
      commands.push(...all.commands.filter(other => commands.every(command => command.name() !== other.name())))
    }
    return fail(error, commands, word, io)
  }
}

function fail(error: unknown, commands: readonly Command[], word: string | undefined, io: Io): number {
  // Help and version end as errors with exit code 0.
  if (error instanceof CommanderError && error.exitCode === 0) return EXIT_OK
  if (error instanceof FileError) {
    for (const line of error.message.split('\n')) io.err(`vnet: ${line}\n`)
    return EXIT_USAGE
  }
  if (error instanceof CommanderError || error instanceof UsageError) {
    const message = error instanceof UsageError ? error.message : usageMessage(error, commands, word)
    io.err(`vnet: ${printable(message)} (see vnet --help)\n`)
    return EXIT_USAGE
  }
  io.err(`vnet: ${error instanceof VnetError ? printable(error.message) : describeException(error)}\n`)
  return EXIT_FAILURE
}
