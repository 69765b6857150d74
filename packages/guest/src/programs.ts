/** Programs of this machine that a virtual machine, and the making of its files, need. */
import { accessSync, constants, statSync } from 'node:fs'
import { join, relative, resolve } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'

/** Thrown if a virtual machine cannot start here: one line that says what to do. */
export class GuestSetupError extends Error {
  override readonly name = 'GuestSetupError'
}

/** The directories of PATH, without empty ones. */
export const searchPath = (): string[] => (process.env.PATH ?? '').split(':').filter(Boolean)

const isProgram = (path: string): boolean =>
  attempt(() => accessSync(path, constants.X_OK) ?? statSync(path).isFile()) === true

/** Returns the path of a program in `path`, undefined if it is not installed. A path is itself. */
export function findProgram(name: string, path: readonly string[] = searchPath()): string | undefined {
  if (name.includes('/')) return isProgram(name) ? resolve(name) : undefined
  return path.map(directory => join(directory, name)).find(isProgram)
}

export const isInstalled = (name: string): boolean => findProgram(name) !== undefined

/**
 * Returns a line about the programs that are missing, with their Debian packages; undefined if all
 * are installed. `what` needs them, such as `--kernel`.
 */
export function missingPrograms(what: string, packages: Readonly<Record<string, string>>): string | undefined {
  const missing = Object.entries(packages).filter(([name]) => !isInstalled(name))
  if (missing.length === 0) return undefined
  const names = missing.map(([name]) => name).join(', ')
  const needed = [...new Set(missing.map(([, name]) => name))].join(' ')
  return `${what} needs ${names}: sudo apt-get install --no-install-recommends ${needed}`
}

/** Whether an absolute path is a directory or in it. */
export const isBelow = (path: string, directory: string): boolean => !/^\.\.(\/|$)/.test(relative(directory, path))
