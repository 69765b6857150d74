/** `vnet learn` and `vnet check`: their words and options. Their code is loaded when they run. */
import { type Command, Option } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'

const GROUP = 'Course:'

export function learnCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[OPTIONS] [EXERCISE]').argument('[EXERCISE]')
  command.description('list the exercises of the course in drivers, or write the files of one').helpGroup(GROUP)
  command.addOption(new Option('--json', 'print one JSON object a line').helpGroup('Options:'))
  commandHelp(command)
  return command.action(async (name: string | undefined, options) => {
    const { learn } = await import('./commands/learn.ts')
    done(learn(name, options, io))
  })
}

export function checkCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[OPTIONS] [EXERCISE|DIRECTORY|FILE]').argument('[EXERCISE|FILE]')
  command.description('check the driver of an exercise, in memory and on a live interface').helpGroup(GROUP)
  const options = [
    new Option('--memory-only', 'run no checks on live interfaces'),
    new Option('--json', 'print one JSON object for each check'),
  ]
  for (const option of options) command.addOption(option.helpGroup('Options:'))
  commandHelp(command)
  return command.action(async (what: string | undefined, options) => {
    const { check } = await import('./commands/check.ts')
    done(await check(what, options, io))
  })
}
