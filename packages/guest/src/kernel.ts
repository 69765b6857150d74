/**
 * The kernel of virtual machines: a kernel of the user, or Debian's cloud kernel, which apt-get
 * downloads. It is unpacked into a cache, never installed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { DOWNLOAD_PROGRAMS, missingPrograms, writeFile } from 'vnet/kit/linux'
import { cacheDirectory, Making } from './cache.ts'
import { GuestSetupError } from './programs.ts'

/** A kernel to start a machine with, and its modules. */
export interface Kernel {
  /** `6.1.0-56-cloud-amd64`. */
  readonly release: string
  /** The path of vmlinuz. */
  readonly image: string
  /** The directory of its modules: files *.ko or *.ko.xz, at any depth. */
  readonly modules: string
}

/** Debian's names of the architectures for which it has cloud kernels. */
const ARCHITECTURES: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
const flavour = (): string => `cloud-${ARCHITECTURES[process.arch] ?? process.arch}`

const DOWNLOAD_LIMIT_MS = 300_000

/**
 * Returns the kernel of VNET_KERNEL and VNET_KERNEL_MODULES, else the cached one, else apt's newest
 * cloud kernel, which `print` reports. Throws a GuestSetupError.
 */
export const findKernel = (print: (line: string) => void): Kernel =>
  givenKernel() ?? cachedKernel() ?? newestKernel(print)

/** Returns the user's own kernel, or undefined without one. Throws a GuestSetupError. */
export function givenKernel(): Kernel | undefined {
  const { VNET_KERNEL: image, VNET_KERNEL_MODULES: modules } = process.env
  if (!image && !modules) return undefined
  if (!image) {
    throw new GuestSetupError(
      'VNET_KERNEL_MODULES needs VNET_KERNEL: set it to the path of vmlinuz',
    )
  }
  if (!modules) {
    throw new GuestSetupError(
      `VNET_KERNEL needs VNET_KERNEL_MODULES: set it to the directory of the kernel's modules`,
    )
  }
  for (const [name, path] of Object.entries({ VNET_KERNEL: image, VNET_KERNEL_MODULES: modules })) {
    if (!existsSync(path)) throw new GuestSetupError(`${name}: ${path} does not exist`)
  }
  return { release: basename(resolve(modules)), image: resolve(image), modules: resolve(modules) }
}

/** Returns the kernel that was found last, undefined if none is in the cache. */
export function cachedKernel(): Kernel | undefined {
  const cache = cacheDirectory('kernel')
  const last = join(cache, 'release')
  const release = existsSync(last) ? readFileSync(last, 'utf8') : ''
  return release !== '' && existsSync(join(cache, release)) ? kernelIn(cache, release) : undefined
}

/** Returns apt's newest cloud kernel, else the cached one. Throws a GuestSetupError. */
export function newestKernel(print: (line: string) => void): Kernel {
  const cache = cacheDirectory('kernel')
  const missing = missingPrograms("the download of Debian's kernel", DOWNLOAD_PROGRAMS)
  const release = missing === undefined ? offeredRelease() : undefined
  if (release === undefined) {
    const cached = cachedKernel()
    if (cached !== undefined) return cached
    if (missing !== undefined) {
      throw new GuestSetupError(`${missing}, or set VNET_KERNEL and VNET_KERNEL_MODULES`)
    }
    throw new GuestSetupError(
      `apt offers no linux-image-${flavour()}: add Debian's archive to apt's sources, then sudo apt-get update`,
    )
  }
  if (!existsSync(join(cache, release))) {
    print(`downloading ${release} with apt-get, into ${cache}`)
    const names = [`linux-image-${release}`, `linux-image-${release}-unsigned`]
    const name = names.find(
      each => run('apt-cache', ['show', '--no-all-versions', each]).status === 0,
    )
    downloadPackages([name ?? `linux-image-${release}`], join(cache, release))
  }
  writeFile(join(cache, 'release'), release)
  return kernelIn(cache, release)
}

function kernelIn(cache: string, release: string): Kernel {
  const root = join(cache, release)
  const base =
    ['lib/modules', 'usr/lib/modules']
      .map(name => join(root, name))
      .find(each => existsSync(each)) ?? root
  return { release, image: join(root, 'boot', `vmlinuz-${release}`), modules: join(base, release) }
}

/** The release of the kernel on which the meta package depends, such as `6.1.0-56-cloud-amd64`. */
function offeredRelease(): string | undefined {
  return dependenciesOf(`linux-image-${flavour()}`)
    .map(name => /^linux-image-(.+)$/.exec(name)?.[1])
    .find(found => found?.endsWith(flavour()))
}

/** Returns the packages that apt would install with a package, directly. */
export function dependenciesOf(name: string): string[] {
  const { stdout } = run('apt-cache', ['depends', '--important', name])
  return [...stdout.matchAll(/^ +\|?Depends: ([^<\s]+)/gm)].map(
    ([, dependency]) => dependency as string,
  )
}

/**
 * Downloads packages and unpacks them into the new directory `to`. `prepare` changes the files
 * before they get there. Throws a GuestSetupError; `to` then does not exist.
 */
export function downloadPackages(
  packages: readonly string[],
  to: string,
  prepare?: (root: string) => void,
): void {
  using making = new Making(dirname(to))
  succeed(
    'apt-get',
    ['-q', 'download', ...packages],
    making.path,
    'sudo apt-get update, or look at the network',
  )
  const root = join(making.path, 'root')
  mkdirSync(root)
  const unpack = 'for deb in ./*.deb; do dpkg-deb -x "$deb" root || exit; rm "$deb"; done'
  succeed('sh', ['-c', unpack], making.path, 'free some space')
  prepare?.(root)
  making.become(to, root)
}

function run(program: string, args: readonly string[], cwd = '/') {
  const env = { ...process.env, LC_ALL: 'C' }
  return spawnSync(program, args, { cwd, env, encoding: 'utf8', timeout: DOWNLOAD_LIMIT_MS })
}

function succeed(program: string, args: readonly string[], cwd: string, advice: string): void {
  const { error, status, stderr } = run(program, args, cwd)
  if (error !== undefined) throw error
  if (status === 0) return
  const last = stderr.trim().split('\n').at(-1) ?? ''
  const remedy = /space left/.test(last) ? 'free some space' : advice
  throw new GuestSetupError(`${program} ${args[1] ?? ''} failed: ${last}: ${remedy}`)
}
