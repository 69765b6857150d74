/** The dependencies of programs without a Debian package: interpreters and installed modules. */
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { attempt } from 'vnet'

/** Returns the interpreter of a script, from its first line. `find` looks a name up in PATH. */
export function interpretersOf(
  start: string,
  find: (name: string) => string | undefined,
): string[] {
  const [, interpreter = '', words = ''] = /^#!\s*(\/\S+)[ \t]*(.*)/.exec(start) ?? []
  if (interpreter === '') return []
  // `/usr/bin/env -S node --flag`: the first word that is neither an option nor a variable.
  const name = /\/env$/.test(interpreter)
    ? words.split(/\s+/).find(word => !/^-|=|^$/.test(word))
    : undefined
  const program = name === undefined ? undefined : find(name)
  return program === undefined ? [interpreter] : [interpreter, program]
}

/**
 * Returns the directories that a program needs with everything in them: the package of a script for
 * Node, the library of a Python, and the packages beside a script for Python.
 */
export function directoriesOf(path: string, start: string): string[] {
  const [own] = /^.*\/node_modules\/(@[^/]+\/)?[^/]+/.exec(path) ?? []
  if (own !== undefined) return [own]
  const prefix = join(dirname(path), '..')
  if (/^python3(\.\d+)?$/.test(basename(path))) return pythonIn(prefix)
  if (!/^#!.*python/.test(start)) return []
  return pythonIn(prefix).flatMap(each =>
    ['site-packages', 'dist-packages'].map(name => join(each, name)),
  )
}

/** Returns the directories of Python packages that pip installed for the system's Python. */
export function installedPythonPackages(): string[] {
  const system = pythonIn('/usr/local').map(each => join(each, 'dist-packages'))
  return [
    ...system,
    ...pythonIn(join(homedir(), '.local')).map(each => join(each, 'site-packages')),
  ]
}

/** Returns `PREFIX/lib/python3.11`. */
const pythonIn = (prefix: string): string[] =>
  (attempt(() => readdirSync(join(prefix, 'lib'))) ?? [])
    .filter(name => /^python3(\.\d+)?$/.test(name))
    .map(name => join(prefix, 'lib', name))

/** Returns the program that a script of pyenv stands for; undefined for other scripts. */
export function shimmedProgram(path: string): string | undefined {
  const [, root] = /^(.*)\/shims\/[^/]+$/.exec(path) ?? []
  const pyenv = join(root ?? '', 'bin/pyenv')
  if (root === undefined || !existsSync(pyenv)) return undefined
  const { stdout } = spawnSync(pyenv, ['which', basename(path)], { encoding: 'utf8' })
  return stdout?.trim() || undefined
}

/** Files of Python that only its own tests need. */
const NOT_RUN = /\/python3[^/]*\/test(\/|$)/

/** Returns the paths of a directory and of everything below it that this user can list. */
export function below(directory: string): string[] {
  if (NOT_RUN.test(directory)) return []
  const entries = attempt(() => readdirSync(directory, { withFileTypes: true })) ?? []
  const paths = entries.flatMap(entry => {
    const path = join(directory, entry.name)
    return entry.isDirectory() ? below(path) : [path]
  })
  return [directory, ...paths]
}
