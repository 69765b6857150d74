/**
 * The products: packages with commands of their own. The core knows them only by this table. Each
 * is loaded when one of its commands is given, or when all commands are listed.
 */
import { createRequire } from 'node:module'
import { UsageError } from '../base/usage-error.ts'
import { packageVersion } from './own-package.ts'
import type { LazyCommand } from './parse/option.ts'

interface Product {
  readonly name: string
  /** The names of its commands. Subcommands are under them. */
  readonly commands: readonly string[]
}

export const PRODUCTS: readonly Product[] = [
  { name: '@vnet/lan', commands: ['lan'] },
  { name: '@vnet/conform', commands: ['conform'] },
  { name: '@vnet/lab', commands: ['lab', 'explore', 'run', 'test-from', 'host', 'toxiproxy'] },
  { name: '@vnet/web', commands: ['web', 'metrics'] },
  { name: '@vnet/learn', commands: ['learn', 'check', 'grade'] },
  { name: '@vnet/exec', commands: ['exec'] },
  { name: '@vnet/guest', commands: ['guest'] },
]

/** Returns the commands of a product, for one of them. Throws a UsageError without the package. */
export async function commandsFor(
  command: string,
  { name }: Product,
): Promise<readonly LazyCommand[]> {
  return (
    await fromPackage<{ readonly commands: readonly LazyCommand[] }>(
      name,
      'commands',
      `vnet ${command}`,
    )
  ).commands
}

/** Returns the commands of a product. Without the package, each says so. */
export async function productCommands(product: Product): Promise<readonly LazyCommand[]> {
  const { commands } = product
  try {
    return await commandsFor(commands.join(' and vnet '), product)
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    const run = () => Promise.reject(error)
    return commands.map(name => ({
      name,
      description: error.message,
      group: 'Not installed:',
      run,
    }))
  }
}

/**
 * Loads a module of a package, which `what` needs. Throws a UsageError, with the command that
 * installs the package, if it is not installed, or if its version is not vnet's.
 */
export async function fromPackage<T>(name: string, module: string, what: string): Promise<T> {
  const version = packageVersion()
  const advice = `run npm run pack ${name.replace('@vnet/', '')} in a clone of vnet, and the command that it prints`
  let found: { readonly version: string }
  try {
    found = createRequire(import.meta.url)(`${name}/package.json`)
  } catch (cause) {
    throw new UsageError(`${what} is in the package ${name}: ${advice}`, { cause })
  }
  if (found.version !== version) {
    throw new UsageError(
      `${name} ${found.version} is installed, but vnet is ${version}: ${advice}`,
      { cause: found },
    )
  }
  return await import(`${name}/${module}`)
}
