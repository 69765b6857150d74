/** The command line of this process. */
import { shellWord } from '../base/printable.ts'

/** Returns the command that starts this program again, with the same arguments. */
export function ownCommand(): string[] {
  return [process.execPath, ...process.execArgv, ...process.argv.slice(1)]
}

/** Returns the shell command to run this as root. sudo has a PATH of its own: node's is full. */
export function sudoCommand(): string {
  return ['sudo', ...ownCommand().map(shellWord)].join(' ')
}
