/** `vnet simulate`: its words and options. Its code is loaded when it runs. */
import { type Command, Option } from 'commander'
import { commandHelp } from './help.ts'
import type { Io } from './io.ts'
import { wholeNumber } from './options.ts'

export function simulateCommand(command: Command, io: Io, done: (status: number) => void): Command {
  command.usage('[OPTIONS] CAPTURE|LOG').argument('<FILE>')
  command.description('run the frames of a capture or log through a wire, in virtual time')
  const options = [
    new Option('--wire <spec>', "impairments, such as 'delay 20ms loss 1%'; by default those of the log"),
    new Option('--wire-ab <spec>', 'the same for direction ab only: outbound frames, or those sent by interface 0'),
    new Option('--wire-ba <spec>', 'the same for direction ba only: all other frames'),
    new Option('--seed <n>', 'seed of all random decisions (that of the log, or 1)').argParser(
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    ),
    new Option('--out <file>', 'pcapng file for the frames that leave the wire, with the times at which they do'),
    new Option('--log <file>', 'file for every decision of the wire, one JSON line each'),
    new Option('--json', 'print one JSON object for each stage'),
  ]
  for (const option of options) command.addOption(option.helpGroup('Options:'))
  commandHelp(command)
  return command.action(async (file: string, given) => {
    const { simulate } = await import('./commands/simulate.ts')
    done(await simulate(file, given, io))
  })
}
