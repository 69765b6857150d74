/** The image that every run in a virtual machine has: programs, the kernel's modules, and vnet. */
import { existsSync, lstatSync, readdirSync, readFileSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { attempt } from 'vnet'
import { shellWord } from 'vnet/kit/base'
import { PROGRAM } from 'vnet/kit/cli'
import { findProgram } from 'vnet/kit/linux'
import type { Kernel } from '../kernel.ts'
import { ModuleDirectory, moduleTable } from '../modules.ts'
import { GuestSetupError } from '../programs.ts'
import { addPrograms, librariesOf } from './add-programs.ts'
import base from './base.json' with { type: 'json' }
import { below, installedPythonPackages } from './scripts.ts'
import { HostTree } from './tree.ts'

/** The contents of the base image. It also depends on this version of vnet. */
export interface BaseImage {
  /** Names in PATH, or paths, beside the usual programs. */
  readonly programs: readonly string[]
  /** Absolute paths of other files and directories. */
  readonly files: readonly string[]
  /** The machine's first program, which is also its modprobe and every missing program. */
  readonly init: string
  readonly kernel: Kernel
  /** The user's directory, which has an image of its own. */
  readonly directory: string
}

/** Where the machine has its first program, and the modules with their table. */
export const GUEST_INIT = '/sbin/vnet-guest'
export const GUEST_MODULES = '/lib/vnet-guest'

const SBIN = ['/usr/local/sbin', '/usr/sbin', '/sbin']

/** Returns the directories of the machine's PATH: the absolute ones of this PATH, and sbin. */
export function guestPath(): string[] {
  const given = (process.env.PATH ?? '').split(':').filter(path => path.startsWith('/'))
  return [...new Set([...given, ...SBIN])]
}

/** Returns the files of the base image. Throws a GuestSetupError if a program does not exist. */
export function baseTree({ programs, files, init, kernel, directory }: BaseImage): HostTree {
  const missing = files.find(file => !existsSync(file))
  if (missing !== undefined) throw new GuestSetupError(`${missing} does not exist`)
  const tree = new HostTree()
  const path = guestPath()
  const find = (name: string) => findProgram(name, path)
  for (const each of base.empty) {
    tree.addDirectory(each)
  }
  for (const each of base.public) {
    tree.addDirectory(each, 0o1777)
  }
  for (const each of ['/bin', '/sbin', '/lib', '/lib64', '/var/run', '/var/lock']) {
    tree.addHost(each)
  }
  // No package lists them, because its installation makes them.
  for (const each of base.made.flatMap(below)) {
    tree.addHost(each)
  }
  for (const each of [homedir(), directory]) {
    tree.addDirectory(each)
  }
  const asked = programs.map(name => programOf(name, find))
  const usual = [
    '/bin/sh',
    '/bin/bash',
    '/usr/bin/env',
    ...base.programs.flatMap(name => find(name) ?? []),
  ]
  addPrograms(tree, [...usual, ...asked, ...addVnet(tree)], find)
  if (tree.has(attempt(() => realpathSync('/usr/bin/python3')) ?? '')) {
    for (const each of installedPythonPackages().flatMap(below)) {
      tree.addHost(each)
    }
  }
  for (const each of files.flatMap(file => below(resolve(file)))) {
    tree.addHost(each)
  }
  // Those of a machine without a network of its own.
  for (const [name, text] of Object.entries(base.texts)) {
    tree.addText(name, text)
  }
  addShadow(tree)
  addModules(tree, kernel)
  tree.addFile(GUEST_INIT, init)
  tree.addLink('/sbin/modprobe', GUEST_INIT)
  // Whether npm starts vnet makes no difference.
  const isOther = (each: string) =>
    !`${each}/`.startsWith(`${directory}/`) && !each.includes('/node_modules/')
  addStubs(tree, path.filter(isOther))
  return tree
}

function programOf(name: string, find: (name: string) => string | undefined): string {
  const path = find(name)
  if (path !== undefined) return path
  throw new GuestSetupError(
    name.includes('/')
      ? `${name} is not a program`
      : `no program ${name} in PATH: install it, or give its path`,
  )
}

/**
 * Adds vnet and this Node, without the rest of Node's package, such as npm. Debian's own Node is
 * different: it needs the libraries and modules of its package. Returns paths for addPrograms.
 */
function addVnet(tree: HostTree): string[] {
  const libraries = librariesOf([process.execPath, ...addOwnFiles(tree)])
  if (libraries.some(path => path.includes('/libnode'))) return [process.execPath, ...libraries]
  tree.addHost(process.execPath)
  return libraries
}

/** Adds accounts without passwords for su(1), because ordinary users cannot read /etc/shadow. */
function addShadow(tree: HostTree): void {
  const lines =
    (attempt(() => readFileSync('/etc/passwd', 'utf8')) ?? '').match(/^[^:\n]+(?=:)/gm) ?? []
  tree.addText('/etc/shadow', lines.map(name => `${name}:*:1:0:99999:7:::\n`).join(''), 0o600)
}

function addModules(tree: HostTree, kernel: Kernel): void {
  const modules = new ModuleDirectory(kernel)
  const all = modules.inOrder(modules.networkNames())
  for (const { name, path, content } of all) {
    if (path.endsWith('.ko')) {
      tree.addFile(`${GUEST_MODULES}/${name}.ko`, path)
    } else {
      tree.addText(`${GUEST_MODULES}/${name}.ko`, content)
    }
  }
  tree.addText(`${GUEST_MODULES}/modules`, moduleTable(all))
}

/** Makes every other program of PATH a link to the first program, which reports its name. */
function addStubs(tree: HostTree, path: readonly string[]): void {
  for (const each of new Set(path.flatMap(name => attempt(() => realpathSync(name)) ?? []))) {
    for (const name of (attempt(() => readdirSync(each)) ?? []).sort()) {
      const program = join(each, name)
      if (tree.has(program) || findProgram(program) === undefined) continue
      // A link to a program that the image has, such as awk to mawk.
      if (tree.has(realpathSync(program))) {
        tree.addHost(program)
      } else {
        tree.addLink(program, GUEST_INIT)
      }
    }
  }
}

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
 * Adds vnet and its dependencies to a tree, with a command in /usr/local/bin. Returns the paths of
 * their programs and libraries.
 */
function addOwnFiles(tree: HostTree): string[] {
  const root = realpathSync(join(dirname(PROGRAM), '..'))
  const guest = realpathSync(fileURLToPath(new URL('../..', import.meta.url)))
  const seen = new Set<string>()
  const binaries: string[] = []
  const add = (directory: string): void => {
    if (seen.has(directory)) return
    seen.add(directory)
    const manifest = JSON.parse(readFileSync(join(directory, 'package.json'), 'utf8')) as Manifest
    binaries.push(...addPackage(tree, directory, manifest.name))
    const names = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })
    for (const name of directory === root ? [...names, ...PRODUCTS] : names) {
      const found = name === NOT_USED ? undefined : packageFrom(directory, name)
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

/** Adds the files of a package that a guest runs. Returns its programs and libraries. */
function addPackage(tree: HostTree, directory: string, packageName: string): string[] {
  const isOurs = /^(vnet|@vnet\/.*)$/.test(packageName)
  const parts = isOurs ? ['package.json', 'dist', 'course', 'build/Release', 'prebuilds'] : ['']
  const binaries: string[] = []
  for (const path of parts.flatMap(part => below(join(directory, part)))) {
    const name = relative(directory, path)
    if (NOT_RUN.test(path) || !(isOurs ? OURS : OF_OTHERS).test(name)) continue
    tree.addHost(path)
    if (/\.(node|so)$|\/vnet-[\w-]+$/.test(path) && lstatSync(path).isFile()) {
      binaries.push(path)
    }
  }
  return binaries
}

/** Returns where a module in `directory` finds a package, undefined if it is not installed. */
function packageFrom(directory: string, name: string): string | undefined {
  const found = join(directory, 'node_modules', name)
  if (existsSync(found)) return found
  return directory === '/' ? undefined : packageFrom(dirname(directory), name)
}
