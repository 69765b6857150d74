/** The command `vnet stats`; what it does is loaded when it runs, and not by every start. */
import { type Command, Option } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import type { StatsOptions } from './stats.ts'

/** Makes a command of an empty one; `done` gets its exit status. */
export function statsCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[OPTIONS] [[NETNS/]IF...]').argument('[interfaces...]')
  command.description('what a running vnet and the kernel counted, and why frames were dropped')
  for (const [flags, description] of [
    ['--queues', 'each queue too'],
    ['--all', 'also what is 0'],
    ['--json', 'one JSON object, as at the end of `vnet --json`'],
  ] as const) {
    command.addOption(new Option(flags, description).helpGroup('Options:'))
  }
  commandHelp(command)
  return command.action(async (names: string[], options: StatsOptions) => {
    const { stats } = await import('./stats.ts')
    done(await stats(names, options, io))
  })
}
