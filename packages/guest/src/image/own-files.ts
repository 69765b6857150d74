/** vnet's own files: the core, the packages of its products, and their dependencies. */
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { shellWord } from 'vnet/internal/base/printable'
import { PROGRAM } from 'vnet/internal/cli/own-package'
import type { HostTree } from './host-tree.ts'
import { below } from './scripts.ts'

const PRODUCTS = ['lan', 'lab', 'web', 'learn', 'exec', 'guest'].map(name => `@vnet/${name}`)

/** The files that vnet runs from, without sources and tests. */
const OURS = /^(package\.json|(dist|prebuilds|course)(\/.*)?|build\/Release\/[\w-]+(\.node|\.so)?)$/
const NOT_RUN = /\.(md|map|d\.[cm]?ts)$|\/obj\.target(\/|$)/
const OF_OTHERS = /^(?!(docs|examples|test|node_modules)(\/|$))/
/** A dependency for compilers. */
const NOT_USED = 'node-addon-api'

interface Manifest {
  readonly name: string
  readonly dependencies?: Readonly<Record<string, string>>
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/**
 * Adds vnet to a tree, with a command in /usr/local/bin. Returns the paths of its programs and
 * libraries.
 */
export function addOwnFiles(tree: HostTree): string[] {
  const root = realpathSync(join(dirname(PROGRAM), '..'))
  const guest = realpathSync(fileURLToPath(new URL('../..', import.meta.url)))
  const seen = new Set<string>()
  const binaries: string[] = []
  const add = (directory: string): void => {
    if (seen.has(directory)) return
    seen.add(directory)
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest
    const isOurs = /^(vnet|@vnet\/.*)$/.test(manifest.name)
    const parts = isOurs ? ['package.json', 'dist', 'course', 'build/Release', 'prebuilds'] : ['']
    for (const path of parts.flatMap(part => below(join(directory, part)))) {
      const name = relative(directory, path)
      if (NOT_RUN.test(path) || !(isOurs ? OURS : OF_OTHERS).test(name)) continue
      tree.addHost(path)
      if (/\.(node|so)$|\/vnet-[\w-]+$/.test(path) && lstatSync(path).isFile()) binaries.push(path)
    }
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    for (const name of directory === root ? [...names, ...PRODUCTS] : names) {
      if (name === NOT_USED) continue
      const found = packageFrom(directory, name)
      if (found === undefined) continue
      tree.addHost(found)
      add(realpathSync(found))
    }
  }
  add(root)
  add(guest)
  const program = [process.execPath, join(root, 'dist/vnet.js')].map(shellWord).join(' ')
  tree.addText('/usr/local/bin/vnet', `#!/bin/sh\nexec ${program} "$@"\n`, 0o755)
  return binaries
}

/** Returns where a module in `directory` finds a package, undefined if it is not installed. */
function packageFrom(directory: string, name: string): string | undefined {
  const found = join(directory, 'node_modules', name)
  if (existsSync(found)) return found
  return directory === '/' ? undefined : packageFrom(dirname(directory), name)
}
