/**
 * The products: parts of vnet with commands of their own. The rest of src knows them only by this
 * table. Each is loaded when one of its commands is given, or when all commands are listed.
 */
import type { LazyCommand } from './lazy-command.ts'

export interface Product {
  /** The names of its commands. Subcommands are under them. */
  readonly names: readonly string[]
  readonly load: () => Promise<{ readonly commands: readonly LazyCommand[] }>
}

export const PRODUCTS: readonly Product[] = [
  { names: ['lan'], load: () => import('../lan/commands/index.ts') },
  { names: ['lab', 'explore'], load: () => import('../testing/commands/index.ts') },
  { names: ['web', 'metrics'], load: () => import('../web/commands/index.ts') },
  { names: ['learn', 'check'], load: () => import('../course/commands/index.ts') },
  { names: ['exec'], load: () => import('../exec/commands/index.ts') },
]

/** The driver of the product lan. */
export const loadLan = () => import('../lan/driver.ts')

/** The processes of `--web` and `--metrics`. */
export const loadWebProcesses = () => import('../web/commands/web-process.ts')
