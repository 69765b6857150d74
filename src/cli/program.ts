/** The commands of the program. The code of a driver is loaded when its command is needed. */
import { UsageError } from '../base/usage-error.ts'
import type { Driver } from '../netdev/driver.ts'
import { controlCommands } from './control-commands.ts'
import { isDriverFile, loadDriver } from './driver-file.ts'
import { EXIT_OK, type Io } from './io.ts'
import type { Example, LazyCommand } from './lazy-command.ts'
import { Argument, Option } from './option.ts'
import { commonOptions } from './options.ts'
import { commandsFor, commandsOf, loadLan, PRODUCTS } from './products.ts'

/** The command that runs if none is named. */
const USUAL = 'loop'
const MAKING = 'Interfaces:'
const HELP = 'Help:'

/** The drivers of the program but lan. */
const DRIVERS: Readonly<Record<string, () => Promise<{ readonly driver: unknown }>>> = {
  loop: () => import('../drivers/loop.ts'),
  snull: () => import('../drivers/snull/driver.ts'),
  cable: () => import('../drivers/cable.ts'),
  attach: () => import('../attach/driver.ts'),
}

const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  loop: [
    ['vnet', 'vnet0; then `ping 198.18.0.2`'],
    ['vnet --name tap0 --persist --user 1000', 'keep tap0 at the end'],
    ['vnet --name tap0', 'attach to it again, as user 1000'],
    ['vnet --name tap0 --delete', 'remove it'],
  ],
  snull: [
    ['vnet snull --mtu 9000', 'sn0 and sn1; then `tcpdump -ni sn1`'],
    ["vnet snull --wire 'delay 20ms loss 1%' --seed 7", 'with a bad link between them'],
    ['vnet snull --capture a.pcapng', 'record all frames, and why others were dropped'],
  ],
  cable: [
    ['vnet cable red/eth0 blue/eth0', 'join the namespaces red and blue'],
    ["vnet cable a b --wire 'rate 10mbit delay 50ms'", 'a slow cable'],
  ],
  attach: [["vnet attach eth0 --wire 'delay 20ms'", 'a wire on an interface that exists']],
  lan: [
    ['vnet lan eth9 --hosts 8', 'a port with a network of 8 hosts behind it'],
    ['vnet lan eth9 --config lan.yaml', 'a network from a file'],
    ['vnet lan show eth9 --leases', 'the DHCP leases of a running lan'],
  ],
}

/** The help of lan. Loading its code would take a third of each start. */
const LAN: LazyCommand = {
  name: 'lan',
  usage: '[OPTIONS] [[NETNS/]IF ...]',
  description: 'Ethernet ports on a network of their own: gateway, hosts, DHCP, DNS',
  group: MAKING,
  run: async () => EXIT_OK,
}

const COMPLETION: LazyCommand = {
  name: 'completion',
  description: 'print a script for Tab completion in a shell',
  group: HELP,
  args: [new Argument('<bash|zsh>').choices(['bash', 'zsh'])],
  examples: [['source <(vnet completion bash)', 'complete commands by Tab in this shell']],
  run: async (io, shell: 'bash' | 'zsh') => {
    const [{ completion }, commands] = await Promise.all([import('./completion.ts'), allCommands()])
    io.out(completion(shell, commands))
    return EXIT_OK
  },
}

const HELP_COMMAND: LazyCommand = {
  name: 'help',
  description: 'print the help of vnet, of one command, or of a driver file',
  group: HELP,
  args: [new Argument('[COMMAND...]')],
  options: [
    new Option('--all', 'print all commands, one a line'),
    new Option('--names', 'print only the names of its options, one a line'),
  ],
  examples: [
    ['vnet help --all', 'all commands'],
    ['vnet help ./my-driver.js', 'the options of a driver file'],
  ],
  run: async (io, words: readonly string[], { all, names }) => {
    if (words.length === 0) await printHelp(undefined, io, all)
    else {
      const [name = '', sub, ...rest] = words
      const under = sub === undefined ? undefined : name
      const command = rest.length > 0 ? undefined : await commandNamed(sub ?? name, under, io)
      if (command === undefined) throw new UsageError(`unknown command '${words.join(' ')}' (see vnet help --all)`)
      if (!names) await printHelp(command, io)
      else
        for (const { long, isHidden } of [...(command.options ?? []), new Option('-h, --help')])
          if (!isHidden) io.out(`${long}\n`)
    }
    return EXIT_OK
  },
}

/** Prints the help of a command; without one, the program's. */
export async function printHelp(command: LazyCommand | undefined, io: Io, isFull = false): Promise<void> {
  const [{ commandHelp, commandList, programHelp }, commands] = await Promise.all([import('./help.ts'), tables()])
  if (command !== undefined) {
    const subs = commands.filter(({ under }) => under === command.name && command.under === undefined)
    io.out(commandHelp(command, subs))
  } else {
    // Only their names, to load no driver.
    const drivers = Object.keys(DRIVERS).map(name => ({ ...LAN, name }))
    const named = [...drivers, ...(hasLan(commands) ? [LAN] : []), ...commands].filter(
      ({ under }) => under === undefined,
    )
    io.out(isFull ? commandList(await allCommands(false)) : programHelp(named))
  }
}

/**
 * Returns a command, or the subcommand of `under`; undefined if it does not exist. Loads the
 * code of a driver. `name` is by default the usual driver.
 */
export async function commandNamed(name = USUAL, under?: string, io?: Io): Promise<LazyCommand | undefined> {
  const found = controlCommands.find(each => each.name === name && each.under === under)
  if (found !== undefined) return found
  if (under === undefined && Object.hasOwn(DRIVERS, name)) return driverOf(name, await DRIVERS[name]?.())
  if (under === undefined && name === LAN.name) return driverOf(name, await loadLan())
  if (under === undefined && isDriverFile(name)) return fileCommand(name, io)
  const word = under ?? name
  const product = PRODUCTS.find(({ commands }) => commands.includes(word))
  const commands = await (product === undefined ? ownTable() : commandsFor(word, product))
  return commands.find(each => each.name === name && each.under === under)
}

/** Returns all commands, with the options of each driver, and of lan if `isFull`. */
export async function allCommands(isFull = true): Promise<LazyCommand[]> {
  const commands = await tables()
  const lan = hasLan(commands) ? [isFull ? commandNamed(LAN.name) : LAN] : []
  const drivers = await Promise.all([...Object.keys(DRIVERS).map(name => commandNamed(name)), ...lan])
  return [...drivers.filter(each => each !== undefined), ...commands]
}

/** Whether @vnet/lan is installed: otherwise a command says that it is not. */
const hasLan = (commands: readonly LazyCommand[]) =>
  commands.every(({ name, under }) => name !== LAN.name || under !== undefined)

/** The commands other than drivers. */
async function tables(): Promise<LazyCommand[]> {
  const [own, ...others] = await Promise.all([ownTable(), ...PRODUCTS.map(commandsOf)])
  return [...controlCommands, ...own, ...others.flat()]
}

/** The commands that no product has, but those for running vnets. */
async function ownTable(): Promise<readonly LazyCommand[]> {
  const { toolCommands } = await import('./tool-commands.ts')
  return [...toolCommands, COMPLETION, HELP_COMMAND]
}

async function driverOf(name: string, module: { readonly driver: unknown } | undefined): Promise<LazyCommand> {
  const { driverCommand } = await import('./driver-command.ts')
  return { ...driverCommand(module?.driver as Driver, commandNamed), group: MAKING, examples: EXAMPLES[name] ?? [] }
}

/** Returns the command of a driver file, which has the file's name. */
async function fileCommand(file: string, io: Io | undefined): Promise<LazyCommand> {
  void io?.watchLockups?.(file)
  const [{ driverCommand }, driver] = await Promise.all([import('./driver-command.ts'), loadDriver(file)])
  const taken = commonOptions().find(({ key }) => Object.hasOwn(driver.params, key))
  if (taken !== undefined) {
    throw new UsageError(`${file}: parameter ${taken.key}: every driver has ${taken.long}; rename the parameter`)
  }
  const command = driverCommand(driver, commandNamed)
  return { ...command, name: file, run: (io, ...rest) => command.run({ ...io, sole: false }, ...rest) }
}
