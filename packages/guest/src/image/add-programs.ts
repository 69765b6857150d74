/**
 * The dependencies of programs. A program of a Debian package brings its package, and the packages
 * that it depends on. Another one brings its libraries, or its interpreter if it is a script. The
 * cache keeps the output of dpkg-query and ldd: these programs take longer than the other work.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { attempt } from 'vnet'
import { makeDirectories } from 'vnet/kit/linux'
import { cacheDirectory, removeOld, writeEntry } from '../cache.ts'
import { GuestSetupError, partOf } from '../programs.ts'
import { below, directoriesOf, interpretersOf, shimmedProgram } from './scripts.ts'
import type { HostTree } from './tree.ts'

/** Bytes to read for the first line of a script, or the first four bytes of a program. */
const START_BYTES = 256
const ELF = '\x7fELF'
const LIBRARY = /\.so(\.|$)/

/**
 * Adds programs and libraries to a tree, with their dependencies. Paths that do not exist are left
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
    const real = [...new Set(programs.flatMap(path => attempt(() => fs.realpathSync(path)) ?? []))]
    // The files of a package are complete.
    const fresh = real.filter(path => !seen.has(path) && !tree.has(path))
    for (const path of programs) {
      tree.addHost(path)
    }
    for (const path of fresh) {
      seen.add(path)
    }
    const owners = packages.ownersOf(fresh)
    addPackages(tree, packages, new Set(owners.values()))
    const started = fresh.map(path => ({ path, start: partOf(path, START_BYTES) }))
    const own = started.filter(({ path }) => !owners.has(path))
    const beside = started.flatMap(({ path, start }) => directoriesOf(path, start)).flatMap(below)
    for (const path of beside) {
      tree.addHost(path)
    }
    const libraries = beside.filter(path => LIBRARY.test(path))
    next = [
      ...librariesOf([
        ...own.filter(({ start }) => start.startsWith(ELF)).map(({ path }) => path),
        ...libraries,
      ]),
      ...own.flatMap(({ start }) => interpretersOf(start, find)),
    ]
  }
  // The links that choose between packages are in none of them.
  for (const link of alternativeLinks()) {
    if (tree.has(attempt(() => fs.realpathSync(link)) ?? '')) {
      tree.addHost(link)
    }
  }
}

/** Makes a script of pyenv a link to its program, which is returned. */
function withoutShim(tree: HostTree, path: string): string {
  const program = shimmedProgram(path)
  if (program !== undefined) {
    tree.addLink(path, program)
  }
  return program ?? path
}

/** Adds the files of packages and of all their dependencies. */
function addPackages(tree: HostTree, packages: DebianPackages, ids: ReadonlySet<string>): void {
  const files = packages.filesOf(packages.closureOf(ids))
  for (const path of files) {
    tree.addHost(path)
  }
  // Python's compiled modules are made when a package is installed.
  const modules = files.filter(path => path.endsWith('.py'))
  for (const directory of new Set(modules.map(path => join(dirname(path), '__pycache__')))) {
    for (const name of attempt(() => fs.readdirSync(directory)) ?? []) {
      tree.addHost(join(directory, name))
    }
  }
}

/** Returns the libraries of programs and libraries, as ldd(1) finds them. */
export function librariesOf(paths: readonly string[]): string[] {
  if (paths.length === 0) return []
  const found = lookUp('ldd', paths, [...paths, '/etc/ld.so.cache'])
  return [...found.matchAll(/^\s+(?:\S+ => )?(\/.*) \(0x[0-9a-f]+\)$/gm)].map(
    ([, path]) => path as string,
  )
}

/** Parts of the package with the shorter name, which has the rest of the same program. */
const SMALL = /-(minimal|base)$/

/** Changes with every package. */
const STATUS = '/var/lib/dpkg/status'

/** The packages that are installed on this machine when it is made; none without dpkg. */
export class DebianPackages {
  /** The dependencies of packages, in groups of alternatives. */
  readonly #needs = new Map<string, readonly (readonly string[])[]>()
  /** Packages by name. A name without a package has the first package that provides it. */
  readonly #ids = new Map<string, string>()

  constructor() {
    const format =
      // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query replaces them.
      '${binary:Package}\\t${Package}\\t${db:Status-Status}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n'
    const provided: (readonly [string, string])[] = []
    for (const line of query('-W', '-f', format).split('\n')) {
      const [id = '', name = '', status, provides = '', depends = ''] = line.split('\t')
      if (status !== 'installed') continue
      this.#needs.set(id, namesIn(depends))
      this.#ids.set(id, id)
      // The machine's own architecture is the first.
      if (!this.#ids.has(name)) {
        this.#ids.set(name, id)
      }
      for (const each of namesIn(provides).flat()) {
        provided.push([each, id])
      }
    }
    for (const [name, id] of provided) {
      if (!this.#ids.has(name)) {
        this.#ids.set(name, id)
      }
    }
  }

  /** Returns the package of each path that has one, such as `libc6:amd64`. Paths have no links. */
  ownersOf(paths: readonly string[]): Map<string, string> {
    const owners = new Map<string, string>()
    if (paths.length === 0 || this.#needs.size === 0) return owners
    // A package may have its files in /bin, which is a link to /usr/bin now.
    const known = new Map(
      paths.flatMap(path =>
        [path, path.replace(/^\/usr(?=\/(s?bin|lib\w*)\/)/, '')].map(name => [name, path]),
      ),
    )
    const patterns = [...known.keys()].map(path => path.replace(/[\\*?[]/g, '\\$&'))
    for (const line of query('--search', ...patterns).split('\n')) {
      const [, id, path] = /^([^,]+?)(?:, .*)?: (\/.*)$/.exec(line) ?? []
      const asked = known.get(path ?? '')
      if (id !== undefined && asked !== undefined && this.#ids.has(id)) {
        owners.set(asked, id)
      }
    }
    return owners
  }

  /** Returns packages with all their dependencies, directly or not. */
  closureOf(ids: Iterable<string>): string[] {
    const found = new Set<string>()
    const add = (name: string): void => {
      const id = this.#ids.get(name)
      if (id === undefined || found.has(id)) return
      found.add(id)
      // Perl and Python without their libraries: python3-minimal is a part of python3.
      if (SMALL.test(name)) {
        add(name.replace(SMALL, ''))
      }
      for (const alternatives of this.#needs.get(id) ?? []) {
        add(alternatives.find(each => this.#ids.has(each)) ?? '')
      }
    }
    for (const id of ids) {
      add(id)
    }
    return [...found]
  }

  /** Returns the paths of all files, links and directories of packages. */
  filesOf(ids: readonly string[]): string[] {
    if (ids.length === 0) return []
    return query('--listfiles', ...ids)
      .split('\n')
      .filter(line => line.startsWith('/') && line !== '/.')
  }
}

/** The link groups of update-alternatives(1). */
const ALTERNATIVES = '/var/lib/dpkg/alternatives'

/** Returns the links that choose between packages, such as /usr/bin/awk and liblapack.so.3. */
function alternativeLinks(): string[] {
  return (attempt(() => fs.readdirSync(ALTERNATIVES)) ?? []).flatMap(name => {
    // The mode, the link of the group, names and links of others up to an empty line, the choices.
    const text = attempt(() => fs.readFileSync(join(ALTERNATIVES, name), 'utf8')) ?? ''
    return (text.split('\n\n')[0] ?? '').split('\n').filter(line => line.startsWith('/'))
  })
}

/** `libc6 (>= 2.34), default-mta | mail-transport-agent` to its names, without versions. */
const namesIn = (text: string): string[][] =>
  text
    .split(',')
    .map(group =>
      group
        .split('|')
        .map(each => each.replace(/\(.*?\)|:\w+/g, '').trim())
        .filter(Boolean),
    )
    .filter(group => group.length > 0)

/** Returns the output of dpkg-query; the empty string on a machine without Debian packages. */
const query = (...args: readonly string[]): string => lookUp('dpkg-query', args, [STATUS])

/** Bytes: the list of a machine's packages can be long. */
const OUTPUT_MAX = 256 << 20
/** The newest outputs that the cache keeps. */
const KEPT = 100

/**
 * Returns the output of a program, also if it fails; the empty string if it is not installed. The
 * output is assumed to be the same while the size and time of each source are. Throws a
 * GuestSetupError if a signal ends the program: its output is not complete.
 */
export function lookUp(
  program: string,
  args: readonly string[],
  sources: readonly string[],
): string {
  const signatures = sources.map(source => {
    const { size, mtimeMs, ino } = attempt(() => fs.statSync(source)) ?? {}
    return [source, size, mtimeMs, ino]
  })
  const question = JSON.stringify([
    program,
    args,
    process.env.PATH,
    process.env.LD_LIBRARY_PATH,
    signatures,
  ])
  const directory = join(cacheDirectory('guest'), 'lookups')
  const path = join(directory, createHash('sha256').update(question).digest('hex').slice(0, 32))
  const known = attempt(() => fs.readFileSync(path, 'utf8'))
  if (known !== undefined) {
    attempt(() => fs.utimesSync(path, new Date(), new Date()))
    return known
  }
  const env = { ...process.env, LC_ALL: 'C' }
  const { stdout, status } = spawnSync(program, args, {
    encoding: 'utf8',
    env,
    maxBuffer: OUTPUT_MAX,
  })
  if (stdout === null) return ''
  if (status === null) throw new GuestSetupError(`${program} was ended: start again`)
  makeDirectories(directory)
  writeEntry(path, stdout)
  removeOld(directory, /^/, KEPT)
  return stdout
}
