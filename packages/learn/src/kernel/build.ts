/**
 * Builds the learner's module, and the program of the virtual machine. Debian's cloud kernel and
 * its headers are downloaded by apt-get and unpacked into a cache, never installed.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { isInstalled } from '../live.ts'

/** Headers for modules of the course, and the guest; src and dist are equally deep. */
const KERNEL_COURSE = fileURLToPath(new URL('../../course/kernel/', import.meta.url))

const BUILD_LIMIT_MS = 120_000

export const moduleName = (file: string): string => basename(file, '.c').replaceAll('-', '_')

/**
 * Builds a module with debug information in the empty `directory`. Returns the module, undefined if
 * it did not compile, and the compiler's messages: `FILE:LINE:COLUMN: error: TEXT`.
 */
export function buildModule(file: string, { headers }: KernelFiles, directory: string) {
  const name = basename(file, '.c')
  copyFileSync(file, join(directory, `${name}.c`))
  writeFileSync(
    join(directory, 'Kbuild'),
    `obj-m := ${name}.o\nccflags-y := -I${KERNEL_COURSE} -I${resolve(file, '..')}\n`,
  )
  const args = ['-s', '-C', headers, `M=${directory}`, 'CC=gcc', 'modules']
  const env = { ...process.env, LC_ALL: 'C', KCFLAGS: '', TMPDIR: directory }
  const { status, stdout, stderr } = spawnSync('make', args, { encoding: 'utf8', env, timeout: BUILD_LIMIT_MS })
  const lines = `${stdout}\n${stderr}`.split('\n').map(line => line.replaceAll(`${directory}/${name}.c`, file))
  const messages = lines.filter(line => /: (fatal )?(error|warning): |^ERROR: |^WARNING: .*undefined/.test(line))
  const module = join(directory, `${name}.ko`)
  if (status === 0 && existsSync(module)) return { module, messages }
  const isError = (line: string) => !line.includes(': warning: ')
  const errors = messages.filter(isError)
  return { module: undefined, messages: errors.length > 0 ? errors : [lines.filter(Boolean).at(-1) ?? 'make failed'] }
}

/** Returns the compiled guest program, which is kept in the cache by its text. */
export function buildGuest(): string {
  const source = join(KERNEL_COURSE, 'guest.c')
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const program = join(cacheDirectory(), `guest-${digest}`)
  if (existsSync(program)) return program
  const making = `${program}.${process.pid}`
  const args = ['-O2', '-static', '-pthread', '-o', making, source]
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8', timeout: BUILD_LIMIT_MS })
  if (status !== 0) {
    const last = stderr.trim().split('\n').at(-1)
    throw new KernelSetupError(`gcc cannot build a static program: ${last}: sudo apt-get install libc6-dev`)
  }
  renameSync(making, program)
  return program
}

/** Thrown if the check cannot run here: one line that says what to do. */
export class KernelSetupError extends Error {
  override readonly name = 'KernelSetupError'
}

export interface KernelFiles {
  /** `6.1.0-56-cloud-amd64`. */
  readonly release: string
  readonly image: string
  /** The build directory for modules. */
  readonly headers: string
  /** The kernel's own modules that a virtual network card needs, in the order of loading. */
  readonly modules: readonly string[]
}

const FLAVOUR = 'cloud-amd64'
const MODULES = [
  'virtio/virtio_ring.ko',
  'virtio/virtio.ko',
  'virtio/virtio_pci_modern_dev.ko',
  'virtio/virtio_pci_legacy_dev.ko',
  'virtio/virtio_pci.ko',
]
const NET_MODULES = ['net/core/failover.ko', 'drivers/net/net_failover.ko', 'drivers/net/virtio_net.ko']

const DOWNLOAD_LIMIT_MS = 300_000

/** The programs that a check in a virtual machine starts, and their Debian packages. */
const PROGRAMS = {
  'qemu-system-x86_64': 'qemu-system-x86',
  gcc: 'gcc',
  make: 'make',
  addr2line: 'binutils',
  'apt-get': 'apt',
  'dpkg-deb': 'dpkg',
}

/** Returns why no check in a virtual machine can run here, undefined if it can. */
export function whyNoKernel(): string | undefined {
  if (process.arch !== 'x64') return `--kernel needs an x86-64 machine, this is ${process.arch}`
  const missing = Object.entries(PROGRAMS).filter(([name]) => !isInstalled(name))
  if (missing.length === 0) return undefined
  const names = missing.map(([name]) => name).join(', ')
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ')
  return `--kernel needs ${names}: sudo apt-get install --no-install-recommends ${packages}`
}

/** The directory of unpacked kernels and compiled guests. */
function cacheDirectory(): string {
  const directory = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'vnet', 'kernel')
  mkdirSync(directory, { recursive: true })
  return directory
}

/** Returns apt's newest cloud kernel, else the cached one. Throws a KernelSetupError. */
export function findKernel(print: (line: string) => void): KernelFiles {
  const cache = cacheDirectory()
  const release = offeredRelease()
  const last = join(cache, 'release')
  if (release === undefined) {
    if (existsSync(last)) return filesOf(cache, readFileSync(last, 'utf8'))
    throw new KernelSetupError(
      `apt offers no linux-headers-${FLAVOUR}: add Debian's archive to apt's sources, then sudo apt-get update`,
    )
  }
  if (!existsSync(join(cache, release))) {
    print(`downloading ${release} with apt-get, into ${cache}`)
    unpack(cache, release)
  }
  writeFileSync(last, release)
  return filesOf(cache, release)
}

/** `6.1.0-56-cloud-amd64`, which the headers' meta package depends on. */
function offeredRelease(): string | undefined {
  return dependencies(`linux-headers-${FLAVOUR}`)
    .map(name => /^linux-headers-(.+)$/.exec(name)?.[1])
    .find(found => found?.endsWith(FLAVOUR))
}

function dependencies(name: string): string[] {
  const { stdout } = run('apt-cache', ['depends', '--important', name])
  return [...stdout.matchAll(/^ +\|?Depends: ([^<\s]+)/gm)].map(([, dependency]) => dependency as string)
}

function unpack(cache: string, release: string): void {
  const headers = `linux-headers-${release}`
  // The compiler's package has no files; the compiler of this machine is used.
  const others = dependencies(headers).filter(name => /^linux-(headers|kbuild)-/.test(name))
  const images = [`linux-image-${release}`, `linux-image-${release}-unsigned`]
  const image = images.find(name => run('apt-cache', ['show', '--no-all-versions', name]).status === 0) ?? images[0]
  const making = mkdtempSync(join(cache, 'making-'))
  try {
    const packages = [headers, ...others, image as string]
    succeed('apt-get', ['-q', 'download', ...packages], making, `sudo apt-get update, or look at the network`)
    const root = join(making, 'root')
    mkdirSync(root)
    succeed(
      'sh',
      ['-c', 'for deb in ./*.deb; do dpkg-deb -x "$deb" root || exit; rm "$deb"; done'],
      making,
      'free some space',
    )
    // Debian's makefile has the path at which the package is installed.
    const makefile = join(root, 'usr/src', headers, 'Makefile')
    const moved = readFileSync(makefile, 'utf8').replaceAll('/usr/src/', `${join(cache, release, 'usr/src')}/`)
    writeFileSync(makefile, moved)
    if (!existsSync(join(cache, release))) renameSync(root, join(cache, release))
  } finally {
    rmSync(making, { recursive: true, force: true })
  }
}

function filesOf(cache: string, release: string): KernelFiles {
  const root = join(cache, release)
  const base = [join(root, 'lib/modules'), join(root, 'usr/lib/modules')].find(each => existsSync(each)) ?? root
  const modules = [...MODULES.map(name => `drivers/${name}`), ...NET_MODULES]
    .map(name => join(base, release, 'kernel', name))
    .map(name => (existsSync(`${name}.xz`) ? `${name}.xz` : name))
    // Code that is compiled into the kernel has no file.
    .filter(name => existsSync(name))
  return {
    release,
    image: join(root, 'boot', `vmlinuz-${release}`),
    headers: join(root, 'usr/src', `linux-headers-${release}`),
    modules,
  }
}

function run(program: string, args: readonly string[], cwd = '/') {
  const env = { ...process.env, LC_ALL: 'C' }
  return spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: DOWNLOAD_LIMIT_MS })
}

function succeed(program: string, args: readonly string[], cwd: string, advice: string): void {
  const { status, stderr } = run(program, args, cwd)
  if (status === 0) return
  const last = stderr.trim().split('\n').at(-1) ?? ''
  throw new KernelSetupError(`${program} ${args[1] ?? ''} failed: ${last}: ${advice}`)
}
