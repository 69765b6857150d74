/** The drivers of the program, loaded when a command needs them. */
import type { Driver } from '../netdev/driver.ts'
import { isControlCommand } from './control-commands.ts'

/** The drivers of the program but lan. The first one runs if no command is named. */
const DRIVERS: Readonly<Record<string, () => Promise<{ readonly driver: unknown }>>> = {
  loop: () => import('../drivers/loop.ts'),
  snull: () => import('../drivers/snull/driver.ts'),
  cable: () => import('../drivers/cable.ts'),
  attach: () => import('../attach/driver.ts'),
}

/** Commands that need no driver, besides the commands that query a running vnet. */
const OTHERS: readonly string[] = ['lan', 'simulate', 'replay', 'learn', 'check']

/** An argument that may request the help of the program: --help, or -h among other letters. */
const HELP = /^(--help|-[a-zA-Z]*h[a-zA-Z]*)$/

/**
 * Loads the drivers that the command `word` of `argv` needs, because loading all of them takes a
 * third of a start: its own, the first one without a command, none if it has other work, or all of
 * them for the help and if it is not a command.
 */
export async function loadDrivers(word?: string, argv: readonly string[] = ['--help']): Promise<readonly Driver[]> {
  if (word !== undefined && (isControlCommand(word) || OTHERS.includes(word))) return []
  const [first] = Object.keys(DRIVERS)
  const only = word === undefined && !argv.some(arg => HELP.test(arg)) ? first : word
  const isDriver = only !== undefined && isDriverName(only)
  const loading = Object.entries(DRIVERS).map(([name, load]) => (isDriver && name !== only ? undefined : load()))
  const loaded = await Promise.all(loading.filter(each => each !== undefined))
  return loaded.map(({ driver }) => driver as Driver)
}

/** True for a driver of the program but lan. */
export function isDriverName(word: string): boolean {
  return Object.hasOwn(DRIVERS, word)
}
