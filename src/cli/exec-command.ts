/** The command `vnet exec`; what it does is loaded when it runs, and not by every start. */
import type { Command } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'

/** Makes a command of an empty one; `done` gets its exit status. */
export function execCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[--] PROGRAM [ARGS...]').argument('<program>').argument('[args...]')
  command.description('runs a program written for a driver in the kernel')
  commandHelp(command)
  const parseOptions = command.parseOptions.bind(command)
  command.parseOptions = args => parseOptions(programWords(args))
  return command.action(async (program: string, args: string[]) => {
    const { exec } = await import('./exec.ts')
    done(await exec(program, args, io))
  })
}

/** Whatever follows `exec` and is not an option of its own is the program's, options included. */
export function withProgramWords(argv: readonly string[]): string[] {
  const [command, ...words] = argv
  return command === 'exec' ? [command, ...programWords(words)] : [...argv]
}

function programWords(words: readonly string[]): string[] {
  const [first] = words
  return first === undefined || first.startsWith('-') ? [...words] : ['--', ...words]
}
