/** The command `vnet exec`, which loads its code when it runs. */
import { commandsOf, type LazyCommand } from 'vnet/internal/cli/parse/option'
import texts from './commands.json' with { type: 'json' }

export const commands: readonly LazyCommand[] = commandsOf(
  texts,
  { exec: async (io, program, args) => (await import('./exec.ts')).exec(program, args, io) },
  {},
)
