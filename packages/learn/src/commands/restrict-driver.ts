/** Takes from an exercise's driver Node's modules, files of others, and most of `process`. */
import module from 'node:module'
import { resolve as absolute, dirname } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { type Context, type Next, PROGRAM, provideOwnPackage } from 'vnet/kit/cli'
import { OURS, refusedImport } from '../exercise-files.ts'
import { driverConsole, type LinePrinter } from './driver-console.ts'

type Resolved = Readonly<{ url: string; format?: string | null }>

type Loaded = Readonly<{ format?: string | null; source?: string | Uint8Array | null }>

/** Node's, with the hook for sources. */
interface Hooks {
  registerHooks?(hooks: {
    resolve(specifier: string, context: Context, next: Next<Resolved>): Resolved
    load(url: string, context: Context, next: Next<Loaded>): Loaded
  }): void
}

const MAIN = pathToFileURL(PROGRAM).href
/** The compiled files of this package; src and dist are equally deep. */
const OWN = new URL('../../dist/', import.meta.url).href
/** The compiled files of the core and of this package. */
const OURS_COMPILED = [OWN, new URL('./', MAIN).href]
/** The packages with modules that may import anything. */
const TRUSTED = [...OURS_COMPILED, new URL('../node_modules/', MAIN).href]

/** The directory of the driver, a URL. It is set in the thread of Node's hooks. */
const driver = { directory: '' }

/**
 * Prepares a process that runs the driver and its checks, when everything else is loaded. `end`
 * ends it when the driver has printed too much.
 */
export function restrictDriver(file: string, end: (printer: LinePrinter) => void): void {
  restrictImports(file)
  restrictProcess(end)
}

/** Gives a small `process` to the driver, and to modules of vnet that were loaded before. */
export function restrictProcess(end: (printer: LinePrinter) => void): void {
  for (const name of [
    'binding',
    '_linkedBinding',
    'dlopen',
    'execve',
    'loadEnvFile',
    'mainModule',
  ]) {
    Object.defineProperty(process, name, { value: undefined })
  }
  Object.defineProperty(process, 'getBuiltinModule', { value: () => undefined })
  set('console', driverConsole(end))
  const { pid, platform, arch, version, versions } = process
  const own = process
  set('process', {
    pid,
    platform,
    arch,
    version,
    versions: { ...versions },
    env: {},
    argv: [],
    execArgv: [],
    cwd: () => own.cwd(),
    exit: (status?: number) => own.exit(status),
    getActiveResourcesInfo: () => own.getActiveResourcesInfo(),
    hrtime: Object.assign((time?: [number, number]) => own.hrtime(time), {
      bigint: () => own.hrtime.bigint(),
    }),
    memoryUsage: () => own.memoryUsage(),
    nextTick: (call: () => void) => own.nextTick(() => call()),
  })
}

/**
 * Restricts what the driver imports, so that it can start no program and open no file. Modules of
 * vnet that are loaded later have the true `process`.
 */
export function restrictImports(file: string): void {
  // The hook that is registered last runs first: this one, with the true importer of 'vnet'.
  provideOwnPackage()
  const directory = `${pathToFileURL(dirname(absolute(file))).href}/`
  const { registerHooks } = module as Hooks
  driver.directory = directory
  if (registerHooks === undefined) {
    module.register(new URL('commands/restrict-driver.js', OWN), { data: directory })
  } else {
    registerHooks({
      resolve: (specifier, context, next) =>
        checked(specifier, { ...context }, next(specifier, contextFor(specifier, context))),
      load: (url, context, next) => withProcess(url, next(url, context)),
    })
  }
}

function set(name: string, value: object): void {
  Object.defineProperty(globalThis, name, { value, configurable: false, writable: false })
}

/** Called by Node in the thread of its hooks, with the `data` of module.register(). */
export function initialize(directory: string): void {
  driver.directory = directory
}

export async function resolve(
  specifier: string,
  context: Context,
  next: Next<Promise<Resolved>>,
): Promise<Resolved> {
  return checked(specifier, { ...context }, await next(specifier, contextFor(specifier, context)))
}

export async function load(
  url: string,
  context: Context,
  next: Next<Promise<Loaded>>,
): Promise<Loaded> {
  return withProcess(url, await next(url, context))
}

/** A module of vnet gets Node's `process` by an import: the global one is the driver's. */
function withProcess(url: string, loaded: Loaded): Loaded {
  const { format, source } = loaded
  if (format !== 'module' || source == null || !OURS_COMPILED.some(own => url.startsWith(own))) {
    return loaded
  }
  const text = typeof source === 'string' ? source : new TextDecoder().decode(source)
  return { ...loaded, source: `import process from 'node:process'; ${text.replace(/^#!.*/, '')}` }
}

/** 'vnet' is this package also where a student has another one of that name. */
const contextFor = (specifier: string, context: Context): Context =>
  OURS.test(specifier) ? { ...context, parentURL: import.meta.url } : { ...context }

/** Returns where a module is, or throws if this importer may not import it. */
function checked(specifier: string, { parentURL = '' }: Context, resolved: Resolved): Resolved {
  // The program itself, which nothing imports.
  if (parentURL === '' && resolved.url === MAIN) return resolved
  const isOthers = parentURL.startsWith('file:') && !parentURL.startsWith(driver.directory)
  if (isOthers || TRUSTED.some(trusted => parentURL.startsWith(trusted))) return resolved
  if (OURS.test(specifier)) return resolved
  const { url } = resolved
  const isOwn = url.startsWith(driver.directory) && !url.includes('/node_modules/')
  // CommonJS would have require().
  if (isOwn && /\.m?js$/.test(url)) return { ...resolved, format: 'module' }
  if (isOwn && /\.m?ts$/.test(url)) return resolved
  throw new Error(
    refusedImport(parentURL.startsWith('file:') ? fileURLToPath(parentURL) : '', specifier),
  )
}
