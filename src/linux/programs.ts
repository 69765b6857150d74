/** Programs of the machine that vnet starts, and the commands that install them. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import { attempt } from '../base/errno.ts'
import packageNames from './packages.json' with { type: 'json' }

/** Packages of Debian and Ubuntu, and an option. Other programs have a package of their name. */
const PACKAGES: Readonly<Record<string, string>> = packageNames

/** Programs of virtual machines, of the download of their kernel, and of their kernel modules. */
export const GUEST_PROGRAMS = ['qemu-system-x86_64', 'mksquashfs'] as const
export const DOWNLOAD_PROGRAMS = ['apt-get', 'apt-cache', 'dpkg-deb'] as const
export const MODULE_PROGRAMS = [
  'qemu-system-x86_64',
  'gcc',
  'make',
  'addr2line',
  ...DOWNLOAD_PROGRAMS,
] as const

/** The directories of PATH, without empty ones. */
export const searchPath = (): string[] => (process.env.PATH ?? '').split(delimiter).filter(Boolean)

const isProgram = (path: string): boolean =>
  attempt(() => accessSync(path, constants.X_OK) ?? statSync(path).isFile()) === true

/** Returns the path of a program in `path`, undefined if it is not installed. A path is itself. */
export function findProgram(
  name: string,
  path: readonly string[] = searchPath(),
): string | undefined {
  if (name.includes('/')) return isProgram(name) ? resolve(name) : undefined
  return path.map(directory => join(directory, name)).find(isProgram)
}

/** Returns the command that installs programs, or packages: `sudo apt-get install passt`. */
export function installing(...names: readonly string[]): string {
  const packages = new Set(names.map(name => PACKAGES[name] ?? name))
  return `sudo apt-get install ${[...packages].join(' ')}`
}

/** Returns a line about the programs that `what` lacks; undefined if all are installed. */
export function missingPrograms(what: string, names: readonly string[]): string | undefined {
  const missing = names.filter(name => findProgram(name) === undefined)
  return missing.length === 0
    ? undefined
    : `${what} needs ${missing.join(', ')}: ${installing(...missing)}`
}
