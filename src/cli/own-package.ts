/**
 * `import 'vnet'` in a driver file. If no package of that name is installed for the file, it means
 * this package, which runs the file: a driver in an empty directory needs nothing else.
 */
import module, { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'

export type Context = Readonly<{ parentURL?: string | undefined }>

export type Next<T> = (specifier: string, context: Context) => T

/** Node 22.15 and newer. */
export interface SynchronousHooks<T> {
  registerHooks?(hooks: { resolve(specifier: string, context: Context, next: Next<T>): T }): void
}

/** The program `vnet`. In all paths of this file, src/cli and dist/cli are equally deep. */
export const PROGRAM = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))

/** A process registers the hooks once. */
const hooks = { areRegistered: false }

/** Prepares the process for the driver file at `url`, or for any. */
export function provideOwnPackage(url?: string): void {
  if (hooks.areRegistered || (url !== undefined && isInstalledFor(url))) return
  hooks.areRegistered = true
  const { registerHooks } = module as SynchronousHooks<unknown>
  if (registerHooks !== undefined) {
    registerHooks({ resolve })
  } else {
    // Without synchronous hooks, Node loads this module again, into a thread that resolves.
    module.register(new URL('../../dist/cli/own-package.js', import.meta.url), import.meta.url)
  }
}

/** A hook: the package refers to itself by its name, and to its products, as from this file. */
export function resolve<T>(specifier: string, context: Context, next: Next<T>): T {
  const isOurs = /^(vnet|@vnet\/\w+)(\/|$)/.test(specifier) && !isInstalledFor(context.parentURL)
  return next(specifier, isOurs ? { ...context, parentURL: import.meta.url } : context)
}

function isInstalledFor(url: string | undefined): boolean {
  try {
    if (url?.startsWith('file:')) {
      createRequire(url).resolve('vnet')
    }
    return true
  } catch {
    return false
  }
}

const ownPackage = (): { readonly version: string; readonly description: string } =>
  createRequire(import.meta.url)('../../package.json')

/** Returns the version of this package. */
export const packageVersion = (): string => ownPackage().version

/** Returns what this package is for: a sentence without its full stop. */
export const packagePurpose = (): string => ownPackage().description
