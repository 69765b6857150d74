/**
 * The products: packages with commands of their own. The core knows them only by this table. Each
 * is loaded when one of its commands is given, or when all commands are listed.
 */
import { createRequire } from 'node:module'
import { UsageError } from '../base/usage-error.ts'
import type { LazyCommand } from './lazy-command.ts'
import { packageVersion } from './version.ts'

export interface Product {
  readonly name: string
  /** The names of its commands. Subcommands are under them. */
  readonly commands: readonly string[]
}

export const PRODUCTS: readonly Product[] = [
  { name: '@vnet/lan', commands: ['lan'] },
  { name: '@vnet/lab', commands: ['lab', 'explore'] },
  { name: '@vnet/web', commands: ['web', 'metrics'] },
  { name: '@vnet/learn', commands: ['learn', 'check'] },
  { name: '@vnet/exec', commands: ['exec'] },
]

interface Table {
  readonly commands: readonly LazyCommand[]
}

/** Returns the commands of a product, for one of them. Throws a UsageError without the package. */
export async function commandsFor(command: string, { name }: Product): Promise<readonly LazyCommand[]> {
  return (await fromPackage<Table>(name, 'commands', `vnet ${command}`)).commands
}

/** Returns the commands of a product. Without the package, each says so. */
export async function commandsOf(product: Product): Promise<readonly LazyCommand[]> {
  const { commands } = product
  try {
    return await commandsFor(commands.join(' and vnet '), product)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const run = () => Promise.reject(error)
    return commands.map(name => ({ name, description: error.message, group: 'Not installed:', run }))
  }
}

/** The driver of the product lan. */
export const loadLan = () => fromPackage<{ readonly driver: unknown }>('@vnet/lan', 'internal/driver', 'vnet lan')

/**
 * Loads a module of a package, which `what` needs. Throws a UsageError if it is not installed, or
 * its version is not vnet's.
 */
async function fromPackage<T>(name: string, module: string, what: string): Promise<T> {
  const version = packageVersion()
  const advice = `npm install ${name}@${version}`
  let found: { readonly version: string }
  try {
    found = createRequire(import.meta.url)(`${name}/package.json`)
  } catch (cause) {
    throw new UsageError(`${what} is in the package ${name}: ${advice}`, { cause })
  }
  if (found.version !== version) {
    throw new UsageError(`${name} ${found.version} is installed, but vnet is ${version}: ${advice}`, { cause: found })
  }
  return await import(`${name}/${module}`)
}
