import { builtFile } from 'vnet/kit/linux'

/** Returns a command that runs another one with the rights to use the network only. */
export const networkOnly = (command: readonly string[]): string[] => [
  builtFile('vnet-rootless', 'the launcher'),
  '--network',
  ...command,
]
