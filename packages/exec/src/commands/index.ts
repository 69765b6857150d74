/** The command `vnet exec`, which loads its code when it runs. */
import { Argument, type LazyCommand } from 'vnet/internal/cli/parse/option'

export const commands: readonly LazyCommand[] = [
  {
    name: 'exec',
    description: 'run a program written for a driver in the kernel',
    group: 'Programs:',
    args: [new Argument('<program>'), new Argument('[args...]')],
    usage: '[--] PROGRAM [ARGS...]',
    passThrough: true,
    examples: [['vnet exec ./my-client sn0', 'pass its private ioctls to the driver']],
    run: async (io, program, args) => (await import('./exec.ts')).exec(program, args, io),
  },
]
