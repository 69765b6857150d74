/** The commands of the program. The code of a driver is loaded when its command is needed. */
import { UsageError } from '../base/usage-error.ts'
import type { Driver } from '../netdev/driver.ts'
import { controlCommands } from './commands/control-commands.ts'
import { isDriverFile, loadDriver } from './driver-file.ts'
import { packagePurpose } from './own-package.ts'
import { defineCommand, type LazyCommand, option } from './parse/option.ts'
import { commonOptions } from './parse/options.ts'
import { EXIT_OK, type Io } from './process/io.ts'
import { commandsFor, fromPackage, PRODUCTS, productCommands } from './products.ts'

/** The command that runs if none is named. */
const USUAL = 'loop'
const MAKING = 'Interfaces:'

/** Command lines for the help of the program, each with its effect. */
const EXAMPLES = {
  vnet: 'vnet0; then `ping 198.18.0.2`',
  "vnet run --wire 'loss 5%' -- pytest": 'any program over a bad link, without root',
  "vnet snull --wire 'delay 20ms'": 'sn0 and sn1, with a bad link between them',
  'vnet ./my-driver.js': 'the driver that the file exports',
  'vnet rootless -- npx vitest run': 'tests with interfaces, without root',
}

/** A driver in the lists of commands. */
interface LazyDriver extends Pick<LazyCommand, 'name' | 'usage'> {
  load(): Promise<{ readonly driver: unknown }>
  /** The effect of each command line. */
  readonly examples: Readonly<Record<string, string>>
  /** For lists that do not load its code: the code of lan would take a third of each start. */
  readonly description?: string
}

/** The drivers of the program and of a product. */
const DRIVERS: readonly LazyDriver[] = [
  {
    name: 'loop',
    load: () => import('../drivers/loop.ts'),
    examples: {
      vnet: 'vnet0; then `ping 198.18.0.2`',
      'vnet --name tap0 --persist --user 1000': 'keep tap0 at the end',
      'vnet --name tap0': 'attach to it again, as user 1000',
      'vnet --name tap0 --delete': 'remove it',
    },
  },
  {
    name: 'snull',
    load: () => import('../drivers/snull/driver.ts'),
    examples: {
      'vnet snull --mtu 9000': 'sn0 and sn1; then `tcpdump -ni sn1`',
      "vnet snull --wire 'delay 20ms loss 1%' --seed 7": 'with a bad link between them',
      'vnet snull --capture a.pcapng': 'record all frames, and why others were dropped',
    },
  },
  {
    name: 'cable',
    load: () => import('../drivers/cable.ts'),
    examples: {
      'vnet cable red/eth0 blue/eth0': 'join the namespaces red and blue',
      "vnet cable a b --wire 'rate 10mbit delay 50ms'": 'a slow cable',
    },
  },
  {
    name: 'e1000',
    load: () => import('../drivers/e1000/pair.ts'),
    examples: {
      'vnet e1000 red/eth0 blue/eth0': 'two cards with rings, one in each namespace',
      'vnet e1000 a b --ring-size 64 --lag 1': 'cards that take their time',
    },
  },
  {
    name: 'attach',
    load: () => import('../attach/driver.ts'),
    examples: {
      "vnet attach eth0 --wire 'delay 20ms'": 'a wire on an interface that exists',
    },
  },
  {
    name: 'lan',
    usage: '[OPTIONS] [[NETNS/]IF ...]',
    description: 'Ethernet ports on a network of their own: gateway, hosts, DHCP, DNS',
    load: () => fromPackage<{ driver: unknown }>('@vnet/lan', 'built/driver', 'vnet lan'),
    examples: {
      'vnet lan eth9 --hosts 8': 'a port with a network of 8 hosts behind it',
      'vnet lan eth9 --config lan.yaml': 'a network from a file',
      'vnet lan show eth9 --leases': 'the DHCP leases of a running lan',
    },
  },
]

const helpCommands: readonly LazyCommand[] = [
  defineCommand({
    name: 'completion',
    group: 'Help:',
    description: 'print a script for Tab completion in a shell',
    args: ['<bash|zsh>'],
    examples: {
      'source <(vnet completion bash)': 'complete commands by Tab in this shell',
    },
    async run(io, shell) {
      const [{ completion }, commands] = await Promise.all([
        import('./parse/completion.ts'),
        allCommands(),
      ])
      io.out(completion(shell, commands))
      return EXIT_OK
    },
  }),
  defineCommand({
    name: 'help',
    group: 'Help:',
    description: 'print the help of vnet, of one command, or of a driver file',
    args: ['[COMMAND...]'],
    options: [
      option('--all', 'print all commands, one a line'),
      option('--names', 'print only the names of its options, one a line'),
    ],
    examples: {
      'vnet help --all': 'all commands',
      'vnet help ./my-driver.js': 'the options of a driver file',
    },
    async run(io, words, { all, names }) {
      if (words.length === 0) {
        await printHelp(undefined, io, all)
        return EXIT_OK
      }
      const [name = '', sub, ...rest] = words
      const under = sub === undefined ? undefined : name
      const command = rest.length > 0 ? undefined : await commandNamed(sub ?? name, under, io)
      if (command === undefined) {
        throw new UsageError(`unknown command '${words.join(' ')}' (see vnet help --all)`)
      }
      const { options = [] } = command
      const shown = [...options, option('-h, --help', '')].filter(({ isHidden }) => !isHidden)
      if (names) {
        for (const { long } of shown) {
          io.out(`${long}\n`)
        }
      } else {
        await printHelp(command, io)
      }
      return EXIT_OK
    },
  }),
]

/** Prints the help of a command; without one, the program's. */
export async function printHelp(
  command: LazyCommand | undefined,
  io: Io,
  isFull = false,
): Promise<void> {
  const [{ commandHelp, commandList, programHelp }, commands] = await Promise.all([
    import('./parse/help.ts'),
    tables(),
  ])
  if (command !== undefined) {
    const subs = commands.filter(
      ({ under }) => under === command.name && command.under === undefined,
    )
    io.out(commandHelp(command, subs))
  } else if (isFull) {
    io.out(commandList(await allCommands(false)))
  } else {
    const named = [...driversBeside(commands).map(listed), ...commands]
    io.out(
      programHelp(
        packagePurpose(),
        named.filter(({ under }) => under === undefined),
        Object.entries(EXAMPLES),
      ),
    )
  }
}

/**
 * Returns a command, or the subcommand of `under`; undefined if it does not exist. Loads the code
 * of a driver if it is one. Without `name` it returns the usual driver.
 */
export async function commandNamed(
  name = USUAL,
  under?: string,
  io?: Io,
): Promise<LazyCommand | undefined> {
  const found = controlCommands.find(each => each.name === name && each.under === under)
  if (found !== undefined) return found
  const driver = under === undefined ? DRIVERS.find(each => each.name === name) : undefined
  if (driver !== undefined) return driverOf(driver)
  if (under === undefined && isDriverFile(name)) return fileCommand(name, io)
  const word = under ?? name
  const product = PRODUCTS.find(each => each.commands.includes(word))
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
  return DRIVERS.filter(
    driver => !commands.some(({ name, under }) => name === driver.name && under === undefined),
  )
}

/** Returns a driver as an entry of a list, without its code. */
function listed({ load: _, description = '', ...driver }: LazyDriver): LazyCommand {
  return defineCommand({ ...driver, description, group: MAKING, run: async () => EXIT_OK })
}

/** The commands other than drivers. */
async function tables(): Promise<LazyCommand[]> {
  const others = await Promise.all(PRODUCTS.map(productCommands))
  return [...controlCommands, ...helpCommands, ...others.flat()]
}

async function driverOf({ load, examples }: LazyDriver): Promise<LazyCommand> {
  const [{ driverCommand }, { driver }] = await Promise.all([
    import('./commands/driver-command.ts'),
    load(),
  ])
  return {
    ...driverCommand(driver as Driver, commandNamed),
    group: MAKING,
    examples: Object.entries(examples),
  }
}

/** Returns the command of a driver file, which has the file's name. */
async function fileCommand(file: string, io: Io | undefined): Promise<LazyCommand> {
  void io?.watchLockups?.(file)
  const [{ driverCommand }, driver] = await Promise.all([
    import('./commands/driver-command.ts'),
    loadDriver(file),
  ])
  const taken = commonOptions().find(({ key }) => Object.hasOwn(driver.params, key))
  if (taken !== undefined) {
    throw new UsageError(
      `${file}: parameter ${taken.key}: every driver has ${taken.long}; rename the parameter`,
    )
  }
  const command = driverCommand(driver, commandNamed)
  return {
    ...command,
    name: file,
    run: (at, ...rest) => command.run({ ...at, sole: false }, ...rest),
  }
}
