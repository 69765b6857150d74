/**
 * The dependencies of programs. A program of a Debian package brings its package, and the packages
 * that it depends on. Another one brings its libraries, or its interpreter if it is a script.
 */
import { Buffer } from 'node:buffer'
import { closeSync, openSync, readdirSync, readSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { alternativeLinks, DebianPackages } from './debian.ts'
import type { HostTree } from './host-tree.ts'
import { lookUp } from './lookup.ts'
import { below, directoriesOf, interpretersOf, shimmedProgram } from './scripts.ts'

/** Bytes to read for the first line of a script, or the first four bytes of a program. */
const START_BYTES = 256
const ELF = '\x7fELF'
const LIBRARY = /\.so(\.|$)/

/**
 * Adds programs and libraries to a tree with their dependencies. Paths that do not exist are left
 * out. `find` looks a name up in PATH.
 */
export function addPrograms(
  tree: HostTree,
  paths: readonly string[],
  find: (name: string) => string | undefined,
): void {
  const packages = new DebianPackages()
  const seen = new Set<string>()
  let next = [...paths]
  while (next.length > 0) {
    const programs = next.map(path => withoutShim(tree, path))
    const real = [...new Set(programs.flatMap(path => attempt(() => realpathSync(path)) ?? []))]
    // The files of a package are complete.
    const fresh = real.filter(path => !seen.has(path) && !tree.has(path))
    for (const path of programs) tree.addHost(path)
    for (const path of fresh) seen.add(path)
    const owners = packages.ownersOf(fresh)
    addPackages(tree, packages, new Set(owners.values()))
    const started = fresh.map(path => ({ path, start: startOf(path) }))
    const own = started.filter(({ path }) => !owners.has(path))
    const beside = started.flatMap(({ path, start }) => directoriesOf(path, start)).flatMap(below)
    for (const path of beside) tree.addHost(path)
    const libraries = beside.filter(path => LIBRARY.test(path))
    next = [
      ...librariesOf([...own.filter(({ start }) => start.startsWith(ELF)).map(({ path }) => path), ...libraries]),
      ...own.flatMap(({ start }) => interpretersOf(start, find)),
    ]
  }
  // The links that choose between packages are in none of them.
  for (const link of alternativeLinks()) if (tree.has(attempt(() => realpathSync(link)) ?? '')) tree.addHost(link)
}

/** Makes a script of pyenv a link to its program, which is returned. */
function withoutShim(tree: HostTree, path: string): string {
  const program = shimmedProgram(path)
  if (program !== undefined) tree.addLink(path, program)
  return program ?? path
}

/** Adds packages with their dependencies. */
function addPackages(tree: HostTree, packages: DebianPackages, ids: ReadonlySet<string>): void {
  const files = packages.filesOf(packages.closureOf(ids))
  for (const path of files) tree.addHost(path)
  // Python's compiled modules are made when a package is installed.
  const modules = files.filter(path => path.endsWith('.py'))
  for (const directory of new Set(modules.map(path => join(dirname(path), '__pycache__')))) {
    for (const name of attempt(() => readdirSync(directory)) ?? []) tree.addHost(join(directory, name))
  }
}

/** Returns the libraries of programs and libraries, as ldd(1) finds them. */
export function librariesOf(paths: readonly string[]): string[] {
  if (paths.length === 0) return []
  const found = lookUp('ldd', paths, [...paths, '/etc/ld.so.cache'])
  return [...found.matchAll(/^\s+(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map(([, path]) => path as string)
}

function startOf(path: string): string {
  const fd = attempt(() => openSync(path, 'r'))
  if (fd === undefined) return ''
  try {
    const bytes = Buffer.alloc(START_BYTES)
    return bytes.toString('latin1', 0, attempt(() => readSync(fd, bytes, 0, START_BYTES, 0)) ?? 0)
  } finally {
    closeSync(fd)
  }
}
