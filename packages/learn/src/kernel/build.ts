/**
 * Builds the learner's module, and the program of the virtual machine. The headers of Debian's
 * cloud kernel are downloaded by apt-get and unpacked into a cache, never installed.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readFileSync, renameSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import {
  cacheDirectory,
  dependenciesOf,
  downloadPackages,
  GuestSetupError,
  type Kernel,
  newestKernel,
} from '@vnet/guest/kit'
import { installing, MODULE_PROGRAMS, missingPrograms, notX64, writeFile } from 'vnet/kit/linux'

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
  writeFile(
    join(directory, 'Kbuild'),
    `obj-m := ${name}.o\nccflags-y := -I${KERNEL_COURSE} -I${resolve(file, '..')}\n`,
  )
  const args = ['-s', '-C', headers, `M=${directory}`, 'CC=gcc', 'modules']
  const env = { ...process.env, LC_ALL: 'C', KCFLAGS: '', TMPDIR: directory }
  const { status, stdout, stderr } = spawnSync('make', args, {
    encoding: 'utf8',
    env,
    timeout: BUILD_LIMIT_MS,
  })
  const lines = `${stdout}\n${stderr}`
    .split('\n')
    .map(line => line.replaceAll(`${directory}/${name}.c`, file))
  const messages = lines.filter(line =>
    /: (fatal )?(error|warning): |^ERROR: |^WARNING: .*undefined/.test(line),
  )
  const module = join(directory, `${name}.ko`)
  if (status === 0 && existsSync(module)) return { module, messages }
  const isError = (line: string) => !line.includes(': warning: ')
  const errors = messages.filter(isError)
  return {
    module: undefined,
    messages: errors.length > 0 ? errors : [lines.filter(Boolean).at(-1) ?? 'make failed'],
  }
}

/** Returns the compiled guest program, which is kept in the cache by its text. */
export function buildGuest(): string {
  const source = join(KERNEL_COURSE, 'guest.c')
  const digest = createHash('sha256').update(readFileSync(source)).digest('hex').slice(0, 16)
  const program = join(cacheDirectory('kernel'), `guest-${digest}`)
  if (existsSync(program)) return program
  const making = `${program}.${process.pid}`
  const args = ['-O2', '-static', '-pthread', '-o', making, source]
  const { status, stderr } = spawnSync('gcc', args, { encoding: 'utf8', timeout: BUILD_LIMIT_MS })
  if (status !== 0) {
    const last = stderr.trim().split('\n').at(-1)
    throw new GuestSetupError(
      `gcc cannot build a static program: ${last}: ${installing('libc6-dev')}`,
    )
  }
  renameSync(making, program)
  return program
}

/** A kernel with the files that building and loading a module takes. */
export interface KernelFiles extends Kernel {
  /** The build directory for modules. */
  readonly headers: string
  /** The kernel's own modules that a virtual network card needs, in the order of loading. */
  readonly loaded: readonly string[]
}

const MODULES = [
  ...['virtio_ring', 'virtio', 'virtio_pci_modern_dev', 'virtio_pci_legacy_dev', 'virtio_pci'].map(
    name => `drivers/virtio/${name}.ko`,
  ),
  ...['net/core/failover.ko', 'drivers/net/net_failover.ko', 'drivers/net/virtio_net.ko'],
]

/** Returns why no check in a virtual machine can run here, undefined if it can. */
export function whyNoKernel(): string | undefined {
  if (process.arch !== 'x64') return notX64('--kernel', process.arch)
  return missingPrograms('--kernel', MODULE_PROGRAMS)
}

/** Returns the newest cloud kernel with its headers. Throws a GuestSetupError. */
export function findKernelFiles(print: (line: string) => void): KernelFiles {
  const kernel = newestKernel(print)
  const { release, modules } = kernel
  const root = join(cacheDirectory('kernel'), `${release}-headers`)
  const name = `linux-headers-${release}`
  if (!existsSync(root)) {
    print(`downloading ${name} with apt-get, into ${root}`)
    // The compiler's package has no files; the compiler of this machine is used.
    const others = dependenciesOf(name).filter(each => /^linux-(headers|kbuild)-/.test(each))
    downloadPackages([name, ...others], root, made => {
      // Debian's makefile has the path at which the package is installed.
      const makefile = join(made, 'usr/src', name, 'Makefile')
      const moved = readFileSync(makefile, 'utf8').replaceAll(
        '/usr/src/',
        `${join(root, 'usr/src')}/`,
      )
      writeFile(makefile, moved)
    })
  }
  const loaded = MODULES.map(each => join(modules, 'kernel', each))
    .map(each => (existsSync(`${each}.xz`) ? `${each}.xz` : each))
    // Code that is compiled into the kernel has no file.
    .filter(each => existsSync(each))
  return { ...kernel, headers: join(root, 'usr/src', name), loaded }
}
