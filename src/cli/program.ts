/** The commands of the program. The code of a driver is loaded when its command is needed. */
import { UsageError } from '../base/usage-error.ts'
import type { Driver } from '../netdev/driver.ts'
import texts from './commands/commands.json' with { type: 'json' }
import { controlCommands } from './commands/control-commands.ts'
import { isDriverFile, loadDriver } from './driver-file.ts'
import { commandsOf, type LazyCommand, Option } from './parse/option.ts'
import { commonOptions } from './parse/options.ts'
import { EXIT_OK, type Io } from './process/io.ts'
import { commandsFor, fromPackage, PRODUCTS, productCommands } from './products.ts'

/** The command that runs if none is named. */
const USUAL = 'loop'
const MAKING = 'Interfaces:'

/** A driver in the lists of commands. */
interface LazyDriver extends Pick<LazyCommand, 'name' | 'usage'>, Required<Pick<LazyCommand, 'examples'>> {
  load(): Promise<{ readonly driver: unknown }>
  /** For lists that do not load its code: the code of lan would take a third of each start. */
  readonly description?: string
}

/** The drivers of the program and of a product. */
const DRIVERS: readonly LazyDriver[] = [
  { name: 'loop', load: () => import('../drivers/loop.ts') },
  { name: 'snull', load: () => import('../drivers/snull/driver.ts') },
  { name: 'cable', load: () => import('../drivers/cable.ts') },
  { name: 'attach', load: () => import('../attach/driver.ts') },
  { name: 'lan', load: () => fromPackage<{ driver: unknown }>('@vnet/lan', 'internal/driver', 'vnet lan') },
].map(driver => ({ ...driver, ...textsOf(driver.name) }))

function textsOf(name: string): Pick<LazyDriver, 'usage' | 'description' | 'examples'> {
  const { examples, ...rest } = texts.drivers[name as keyof typeof texts.drivers]
  return { ...rest, examples: Object.entries(examples) }
}

const helpCommands = commandsOf(
  texts.help,
  {
    async completion(io, shell: 'bash' | 'zsh') {
      const [{ completion }, commands] = await Promise.all([import('./parse/completion.ts'), allCommands()])
      io.out(completion(shell, commands))
      return EXIT_OK
    },
    async help(io, words: readonly string[], { all, names }) {
      if (words.length === 0) {
        await printHelp(undefined, io, all)
        return EXIT_OK
      }
      const [name = '', sub, ...rest] = words
      const under = sub === undefined ? undefined : name
      const command = rest.length > 0 ? undefined : await commandNamed(sub ?? name, under, io)
      if (command === undefined) throw new UsageError(`unknown command '${words.join(' ')}' (see vnet help --all)`)
      const { options = [] } = command
      const shown = [...options, new Option('-h, --help')].filter(({ isHidden }) => !isHidden)
      if (names) for (const { long } of shown) io.out(`${long}\n`)
      else await printHelp(command, io)
      return EXIT_OK
    },
  },
  {},
)

/** Prints the help of a command; without one, the program's. */
export async function printHelp(command: LazyCommand | undefined, io: Io, isFull = false): Promise<void> {
  const [{ commandHelp, commandList, programHelp }, commands] = await Promise.all([import('./parse/help.ts'), tables()])
  if (command !== undefined) {
    const subs = commands.filter(({ under }) => under === command.name && command.under === undefined)
    io.out(commandHelp(command, subs))
  } else if (isFull) io.out(commandList(await allCommands(false)))
  else {
    const named = [...driversBeside(commands).map(listed), ...commands]
    io.out(
      programHelp(
        named.filter(({ under }) => under === undefined),
        Object.entries(texts.examples),
      ),
    )
  }
}

/**
 * Returns a command, or the subcommand of `under`; undefined if it does not exist. Loads the code
 * of a driver if it is one. Without `name` it returns the usual driver.
 */
export async function commandNamed(name = USUAL, under?: string, io?: Io): Promise<LazyCommand | undefined> {
  const found = controlCommands.find(each => each.name === name && each.under === under)
  if (found !== undefined) return found
  const driver = under === undefined ? DRIVERS.find(each => each.name === name) : undefined
  if (driver !== undefined) return driverOf(driver)
  if (under === undefined && isDriverFile(name)) return fileCommand(name, io)
  const word = under ?? name
  const product = PRODUCTS.find(({ commands }) => commands.includes(word))
  const commands = product === undefined ? helpCommands : await commandsFor(word, product)
  return commands.find(each => each.name === name && each.under === under)
}

/** Returns all commands, with the options of each driver; of a product's only if `isFull`. */
export async function allCommands(isFull = true): Promise<LazyCommand[]> {
  const commands = await tables()
  const drivers = driversBeside(commands).map(driver =>
    driver.description === undefined || isFull ? driverOf(driver) : listed(driver),
  )
  return [...(await Promise.all(drivers)), ...commands]
}

/** Returns the drivers that are installed: otherwise one of `commands` says that it is not. */
function driversBeside(commands: readonly LazyCommand[]): readonly LazyDriver[] {
  return DRIVERS.filter(driver => !commands.some(({ name, under }) => name === driver.name && under === undefined))
}

/** Returns a driver as an entry of a list, without its code. */
function listed({ load: _, description = '', ...driver }: LazyDriver): LazyCommand {
  return { ...driver, description, group: MAKING, run: async () => EXIT_OK }
}

/** The commands other than drivers. */
async function tables(): Promise<LazyCommand[]> {
  const others = await Promise.all(PRODUCTS.map(productCommands))
  return [...controlCommands, ...helpCommands, ...others.flat()]
}

async function driverOf({ load, examples }: LazyDriver): Promise<LazyCommand> {
  const [{ driverCommand }, { driver }] = await Promise.all([import('./commands/driver-command.ts'), load()])
  return { ...driverCommand(driver as Driver, commandNamed), group: MAKING, examples }
}

/** Returns the command of a driver file, which has the file's name. */
async function fileCommand(file: string, io: Io | undefined): Promise<LazyCommand> {
  void io?.watchLockups?.(file)
  const [{ driverCommand }, driver] = await Promise.all([import('./commands/driver-command.ts'), loadDriver(file)])
  const taken = commonOptions().find(({ key }) => Object.hasOwn(driver.params, key))
  if (taken !== undefined)
    throw new UsageError(`${file}: parameter ${taken.key}: every driver has ${taken.long}; rename the parameter`)
  const command = driverCommand(driver, commandNamed)
  return { ...command, name: file, run: (io, ...rest) => command.run({ ...io, sole: false }, ...rest) }
}
