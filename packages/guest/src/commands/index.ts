/** The command `vnet guest`, which loads its code when it runs. */
import { Argument, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { guestOptions } from './options.ts'

export const commands: readonly LazyCommand[] = [
  {
    name: 'guest',
    description: 'a command in a virtual machine, in virtual time',
    group: 'Programs:',
    args: [new Argument('<command...>')],
    usage: '[OPTIONS] -- COMMAND [ARGS...]',
    options: guestOptions,
    examples: [
      ['vnet guest -- sh -c "sleep 1d; date"', 'a day in a second'],
      ['vnet guest --verify -- ./test.sh', 'twice, with the same bytes'],
    ],
    run: async (io, command, options) => (await import('./guest.ts')).guest(command, options, io),
  },
]
