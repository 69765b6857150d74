/** The command `vnet completion`, which is loaded when it runs. */
import { Argument, type Command } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'

/** Makes it of an empty command; it tells of the commands of `program`. */
export function completionCommand(command: Command, program: Command, io: Io): Command {
  command.usage('[OPTIONS] bash|zsh').description('a script: Tab completes commands in a shell').helpGroup('Help:')
  command.addArgument(new Argument('<bash|zsh>').choices(['bash', 'zsh']))
  commandHelp(command)
  return command.action(async (shell: 'bash' | 'zsh') => {
    const { completion } = await import('./completion.ts')
    io.out(completion(shell, program))
  })
}
