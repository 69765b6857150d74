/** The command line of this process. */
import { shellWord } from '../base/printable.ts'

/** Returns the command that starts this program again, with the same arguments. */
export function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
}

/**
 * Returns the command for a shell that runs this program as root. It has the full path of node,
 * because sudo has a search path of its own.
 */
export function sudoCommand(): string {
  return ['sudo', ...ownCommand().map(shellWord)].join(' ')
}
