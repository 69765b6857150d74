/** The Debian packages of this machine: the owners of files, and dependencies. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attempt } from 'vnet/internal/base/errno'
import { lookUp } from './lookup.ts'

/** Parts of the package with the shorter name, which has the rest of the same program. */
const SMALL = /-(minimal|base)$/

/** Changes with every package. */
const STATUS = '/var/lib/dpkg/status'

export class DebianPackages {
  /** The dependencies of packages, in groups of alternatives. */
  readonly #needs = new Map<string, readonly (readonly string[])[]>()
  /** Packages by name. A name without a package has the first package that provides it. */
  readonly #ids = new Map<string, string>()

  constructor() {
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query replaces them.
    const format = '${binary:Package}\\t${Package}\\t${db:Status-Status}\\t${Provides}\\t${Pre-Depends}, ${Depends}\\n'
    const provided: (readonly [string, string])[] = []
    for (const line of query('-W', '-f', format).split('\n')) {
      const [id = '', name = '', status, provides = '', depends = ''] = line.split('\t')
      if (status !== 'installed') continue
      this.#needs.set(id, namesIn(depends))
      this.#ids.set(id, id)
      // The machine's own architecture is the first.
      if (!this.#ids.has(name)) this.#ids.set(name, id)
      for (const each of namesIn(provides).flat()) provided.push([each, id])
    }
    for (const [name, id] of provided) if (!this.#ids.has(name)) this.#ids.set(name, id)
  }

  /** Returns the package of each path that has one, such as `libc6:amd64`. Paths have no links. */
  ownersOf(paths: readonly string[]): Map<string, string> {
    const owners = new Map<string, string>()
    if (paths.length === 0 || this.#needs.size === 0) return owners
    // A package may have its files in /bin, which is a link to /usr/bin now.
    const known = new Map(
      paths.flatMap(path => [path, path.replace(/^\/usr(?=\/(s?bin|lib\w*)\/)/, '')].map(name => [name, path])),
    )
    const patterns = [...known.keys()].map(path => path.replace(/[\\*?[]/g, '\\$&'))
    for (const line of query('--search', ...patterns).split('\n')) {
      const [, id, path] = /^([^,]+?)(?:, .*)?: (\/.*)$/.exec(line) ?? []
      const asked = known.get(path ?? '')
      if (id !== undefined && asked !== undefined && this.#ids.has(id)) owners.set(asked, id)
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
      if (SMALL.test(name)) add(name.replace(SMALL, ''))
      for (const alternatives of this.#needs.get(id) ?? []) {
        add(alternatives.find(each => this.#ids.has(each)) ?? '')
      }
    }
    for (const id of ids) add(id)
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
export function alternativeLinks(): string[] {
  return (attempt(() => readdirSync(ALTERNATIVES)) ?? []).flatMap(name => {
    // The mode, the link of the group, names and links of others up to an empty line, the choices.
    const text = attempt(() => readFileSync(join(ALTERNATIVES, name), 'utf8')) ?? ''
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
