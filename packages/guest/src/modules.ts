/**
 * The modules of a kernel: the other modules that each needs, and the aliases by which the kernel
 * asks for it. All of it is in the section .modinfo of their files, as texts KEY=VALUE, each
 * followed by a zero byte: no depmod has to run.
 */
import { Buffer } from 'node:buffer'
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { attempt } from 'vnet'
import { installing } from 'vnet/kit/linux'
import type { Kernel } from './kernel.ts'
import { GuestSetupError } from './programs.ts'

/** A loadable module of a kernel. */
export interface KernelModule {
  /** `nf_tables`: as lsmod(8) shows it, without '-'. */
  readonly name: string
  /** Its file on this machine, which may be compressed. */
  readonly path: string
  /** The file's content, not compressed. */
  readonly content: Uint8Array
  /** The names of the modules that must be loaded before it. */
  readonly depends: readonly string[]
  /** Patterns of fnmatch(3): `nft-expr-ct`. */
  readonly aliases: readonly string[]
}

/** The modules that the first program of the machine loads to find its files, in order. */
export const START_MODULES = ['nfit', 'nd_pmem', 'squashfs', 'overlay']

/**
 * Modules that networks and their tools may ask for, by their files in the directory `kernel`.
 * Drivers for hardware are left out, because the machine has no such hardware.
 */
const NETWORK =
  /^(?!net\/(ceph|rds|smc|sunrpc)\/)(net|crypto|lib|arch\/\w+\/crypto|fs\/(fuse|overlayfs)|drivers\/net(\/(bonding|ipvlan|macvlan|netdevsim|ppp|team|vxlan|wireguard))?(?=\/[^/]+$))\//

const SUFFIX = /\.ko(\.(?:xz|zst|gz))?$/
const nameOf = (path: string): string => basename(path).replace(SUFFIX, '').replaceAll('-', '_')

/** The modules of one kernel. Files are read when they are first needed. */
export class ModuleDirectory {
  readonly #kernel: Kernel
  readonly #paths = new Map<string, string>()
  readonly #builtin: ReadonlySet<string>
  readonly #modules = new Map<string, KernelModule>()

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    for (const name of (readdirSync(kernel.modules, { recursive: true }) as string[]).sort()) {
      if (SUFFIX.test(name)) {
        this.#paths.set(nameOf(name), join(kernel.modules, name))
      }
    }
    const builtin =
      attempt(() => readFileSync(join(kernel.modules, 'modules.builtin'), 'utf8')) ?? ''
    this.#builtin = new Set(builtin.split('\n').filter(Boolean).map(nameOf))
  }

  /** Returns the names of all modules for networks. */
  networkNames(): string[] {
    const directory = this.#kernel.modules
    const place = (path: string) => relative(directory, path).replace(/^kernel\//, '')
    return [...this.#paths].filter(([, path]) => NETWORK.test(place(path))).map(([name]) => name)
  }

  /**
   * Returns modules with their dependencies, each module after its own dependencies. Modules that
   * are compiled into the kernel are left out. Throws a GuestSetupError if a module does not exist.
   */
  inOrder(names: Iterable<string>): KernelModule[] {
    const ordered = new Map<string, KernelModule>()
    const add = (given: string): void => {
      const name = given.replaceAll('-', '_')
      if (ordered.has(name) || this.#builtin.has(name)) return
      const module = this.#read(name)
      for (const other of module.depends) {
        add(other)
      }
      ordered.set(name, module)
    }
    for (const name of names) {
      add(name)
    }
    return [...ordered.values()]
  }

  #read(name: string): KernelModule {
    const known = this.#modules.get(name)
    if (known !== undefined) return known
    const path = this.#paths.get(name)
    if (path === undefined) {
      throw new GuestSetupError(`the kernel ${this.#kernel.release} has no module ${name}`)
    }
    const content = contentOf(path)
    const info = moduleInfo(content)
    const valuesOf = (key: string) =>
      info.filter(text => text.startsWith(`${key}=`)).map(text => text.slice(key.length + 1))
    const depends = valuesOf('depends').flatMap(text => text.split(','))
    // Modules that should be loaded before it, if they exist: `pre: nf_log_syslog post: mpls_gso`.
    const wished = valuesOf('softdep').flatMap(
      text => /\bpre:([^:]*)(?=\s+post:|$)/.exec(text)?.[1]?.split(/\s+/) ?? [],
    )
    const existing = wished.filter(each => this.#paths.has(each.replaceAll('-', '_')))
    const all = [...depends, ...existing].filter(Boolean)
    const module = { name, path, content, depends: all, aliases: valuesOf('alias') }
    this.#modules.set(name, module)
    return module
  }
}

/**
 * Returns a text for the machine's modprobe. A line has a pattern for fnmatch(3) and the files of
 * `NAME.ko` to load for it, in this order, separated by spaces. In patterns each '-' outside of
 * brackets is a '_', and so it must be in the name that is looked up. A name may match several
 * lines, all of which apply.
 */
export function moduleTable(modules: readonly KernelModule[]): string {
  const byName = new Map(modules.map(module => [module.name, module]))
  const filesOf = (name: string, seen = new Set<string>()): string[] => {
    const module = byName.get(name.replaceAll('-', '_'))
    if (module === undefined || seen.has(module.name)) return []
    seen.add(module.name)
    return [...module.depends.flatMap(other => filesOf(other, seen)), `${module.name}.ko`]
  }
  const lines = modules.flatMap(({ name, aliases }) => {
    const files = filesOf(name).join(' ')
    const patterns = new Set([
      name,
      ...aliases.filter(alias => !alias.includes(' ')).map(withUnderscores),
    ])
    return [...patterns].map(pattern => `${pattern} ${files}\n`)
  })
  return lines.join('')
}

/** `net-pf-[0-9]` to `net_pf_[0-9]`. */
const withUnderscores = (alias: string): string =>
  alias.replace(/\[[^\]]*\]|-/g, found => (found === '-' ? '_' : found))

/** Programs that decompress to their standard output. */
const DECOMPRESSORS: Readonly<Record<string, string>> = {
  '.xz': 'xz',
  '.zst': 'zstd',
  '.gz': 'gzip',
}

const MODULE_MAX = 256 << 20

function contentOf(path: string): Uint8Array {
  const program = DECOMPRESSORS[SUFFIX.exec(path)?.[1] ?? '']
  if (program === undefined) return readFileSync(path)
  const { status, stdout } = spawnSync(program, ['-dc', path], { maxBuffer: MODULE_MAX })
  if (status === 0) return stdout
  throw new GuestSetupError(`${program} cannot decompress ${path}: ${installing(program)}`)
}

/** Positions in the header of a 64-bit ELF file, and in the header of a section: see elf(5). */
const E_SHOFF = 0x28
const E_SHENTSIZE = 0x3a
const E_SHNUM = 0x3c
const E_SHSTRNDX = 0x3e
const SH_OFFSET = 0x18
const SH_SIZE = 0x20

/** Returns the texts of .modinfo; none if the file has no such section. */
export function moduleInfo(content: Uint8Array): string[] {
  const file = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
  const start = Number(file.readBigUInt64LE(E_SHOFF))
  const size = file.readUInt16LE(E_SHENTSIZE)
  const section = (index: number) => {
    const at = start + index * size
    const offset = Number(file.readBigUInt64LE(at + SH_OFFSET))
    return {
      name: file.readUInt32LE(at),
      bytes: file.subarray(offset, offset + Number(file.readBigUInt64LE(at + SH_SIZE))),
    }
  }
  const names = section(file.readUInt16LE(E_SHSTRNDX)).bytes
  const sections = Array.from({ length: file.readUInt16LE(E_SHNUM) }, (_, i) => section(i))
  const wanted = '.modinfo\0'
  const found = sections.find(
    ({ name }) => names.toString('latin1', name, name + wanted.length) === wanted,
  )
  return found?.bytes.toString('latin1').split('\0').filter(Boolean) ?? []
}
