/** The command `vnet exec`, which loads its code when it runs. */
import { defineCommand, type LazyCommand } from 'vnet/kit/cli'

export const commands: readonly LazyCommand[] = [
  defineCommand({
    name: 'exec',
    group: 'Programs:',
    description: 'run a program written for a driver in the kernel',
    usage: '[--] PROGRAM [ARGS...]',
    passThrough: true,
    args: ['<program>', '[args...]'],
    examples: { 'vnet exec ./my-client sn0': 'pass its private ioctls to the driver' },
    run: async (io, program, args) => (await import('./exec.ts')).exec(program, args, io),
  }),
]
