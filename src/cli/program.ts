/** The command line: a command for each driver, and the commands that query running vnets. */
import { Argument, Command, type CommanderError } from 'commander'
import { UsageError } from '../base/usage-error.ts'
import type { Driver } from '../netdev/driver.ts'
import { controlCommands, isControlCommand } from './control-commands.ts'
import { isDriverFile, loadDriver } from './driver-file.ts'
import { commandHelp, programHelp } from './help.ts'
import type { Io } from './io.ts'
import { addCommands } from './lazy-command.ts'
import { addCommonOptions, commonOptions } from './options.ts'

/** The help of lan. Loading its code would take a third of each start: it is loaded when used. */
const LAN = {
  name: 'lan',
  args: '[[NETNS/]IF ...]',
  description: 'Ethernet ports on a network of their own: gateway, hosts, DHCP, DNS',
}

/** Returns the first word that is not an option common to all drivers, nor the value of one. */
export function firstWord(argv: readonly string[]): string | undefined {
  return addCommonOptions(configure(new Command()))
    .passThroughOptions()
    .parseOptions([...argv]).operands[0]
}

/**
 * Returns the program for arguments with `word` as the first word; without one the first of
 * `drivers` runs. If `word` is a command that queries or changes running vnets, the program has
 * only that command. `done` gets the exit status of the command that ran.
 */
export async function createProgram(
  version: string,
  drivers: readonly Driver[],
  word: string | undefined,
  io: Io,
  done: (status: number) => void,
): Promise<Command> {
  const create = (name: string) => configure(new Command(name), io)
  const program = addCommonOptions(create('vnet')).version(version, '-V, --version', 'print the version')
  programHelp(program.enablePositionalOptions())
  if (word !== undefined && isControlCommand(word)) {
    const only = controlCommands.filter(({ name, under }) => name === word && under === undefined)
    addCommands(program, only, create, io, done)
    return program.helpCommand(false).hook('preSubcommand', passOptions)
  }
  const [{ addDriver, describeDriver }, { toolCommands }, { labCommands }] = await Promise.all([
    import('./driver-command.ts'),
    import('./tool-commands.ts'),
    import('./lab-commands.ts'),
  ])
  for (const [i, driver] of drivers.entries()) {
    const command = describeDriver(create(driver.name), driver)
    addDriver(command, driver, io, done)
    program.addCommand(command, { isDefault: word === undefined && i === 0 })
  }
  const lan = describeDriver(create(LAN.name), LAN)
  let loading: Promise<void> | undefined
  async function load(): Promise<void> {
    const { driver } = await import('../lan/driver.ts')
    addDriver(lan, driver as unknown as Driver, io, done)
  }
  const loadLan = () => (loading ??= load())
  program.addCommand(lan)
  addCommands(program, [...toolCommands, ...labCommands, ...controlCommands], create, io, done)
  program.helpCommand(false)
  program.addCommand(completionCommand(create('completion'), program, loadLan, io))
  program.addCommand(helpCommand(create('help'), program, loadLan, io))
  program.hook('preSubcommand', async (_, command) => {
    if (command === lan) await loadLan()
  })
  for (const parent of [program, ...program.commands.filter(({ commands }) => commands.length > 0)]) {
    parent.hook('preSubcommand', passOptions)
  }
  return program
}

/** Loads a driver file and adds a command for its driver, under the file's name. */
export async function addDriverFile(
  program: Command,
  file: string,
  io: Io,
  done: (status: number) => void,
): Promise<void> {
  void io.lockups?.startFile(file)
  const [{ addDriver, describeDriver }, driver] = await Promise.all([import('./driver-command.ts'), loadDriver(file)])
  const taken = commonOptions().find(option => Object.hasOwn(driver.params, option.attributeName()))
  if (taken !== undefined) {
    throw new UsageError(
      `${file}: parameter ${taken.attributeName()}: every driver has ${taken.long}; rename the parameter`,
    )
  }
  const command = describeDriver(configure(new Command(file), io), driver)
  addDriver(command, driver, { ...io, sole: false }, done)
  program.addCommand(command)
}

/** Moves options before a command to the command: `vnet --json stats` is `vnet stats --json`. */
function passOptions(parent: Command, command: Command): void {
  for (const option of parent.options) {
    const name = option.attributeName()
    if (parent.getOptionValueSource(name) !== 'cli') continue
    if (!command.options.some(own => own.attributeName() === name && own.required === option.required)) {
      const path = parent.parent === null ? '' : `vnet `
      throw new UsageError(`${path}${parent.name()} ${command.name()} has no option ${option.long}`)
    }
    command.setOptionValueWithSource(name, parent.getOptionValue(name), 'cli')
  }
}

function completionCommand(command: Command, program: Command, loadLan: () => Promise<void>, io: Io): Command {
  command.usage('bash|zsh').description('print a script for Tab completion in a shell').helpGroup('Help:')
  command.addArgument(new Argument('<bash|zsh>').choices(['bash', 'zsh']))
  commandHelp(command)
  return command.action(async (shell: 'bash' | 'zsh') => {
    const [{ completion }] = await Promise.all([import('./completion.ts'), loadLan()])
    io.out(completion(shell, program))
  })
}

function helpCommand(command: Command, program: Command, loadLan: () => Promise<void>, io: Io): Command {
  command.usage('[COMMAND|FILE]').description('print this, or the help of one command or driver file')
  command.helpGroup('Help:').option('--names', 'print only the names of its options, one a line')
  commandHelp(command)
  return command.argument('[COMMAND...]').action(async (words: string[], { names }: { names?: boolean }) => {
    const [first] = words
    if (first === LAN.name) await loadLan()
    if (isDriverFile(first)) await addDriverFile(program, first, io, () => {})
    let about = program
    for (const word of words) {
      const found = about.commands.find(known => known.name() === word)
      if (found === undefined) throw new UsageError(`unknown command '${words.join(' ')}'`)
      about = found
    }
    if (!names) about.outputHelp()
    else for (const { long } of about.createHelp().visibleOptions(about)) io.out(`${long}\n`)
  })
}

/** Errors are thrown instead of ending the process; main() reports them. */
function configure(command: Command, io?: Io): Command {
  return command.exitOverride().configureOutput({
    writeOut: text => io?.out(text),
    writeErr: text => io?.err(text),
    outputError: () => {},
  })
}

/** Options of tools like tc-netem(8), which are words of --wire here. */
const WIRE_WORDS = ['delay', 'loss', 'duplicate', 'corrupt', 'reorder', 'rate', 'limit', 'slot']

/**
 * Returns a message of commander's in vnet's form: `--mtu 1: must be ...`, on one line. `word` is
 * the name of the command that failed.
 */
export function usageMessage({ message }: CommanderError, commands: readonly Command[], word?: string): string {
  const unknown = /^error: unknown option '(--[\w-]+)(=?)/.exec(message)
  if (unknown !== null) {
    const [, flag = '', value] = unknown
    const positive = (long: string | undefined) => long?.replace('--no-', '--')
    const bare = commands
      .flatMap(command => command.options)
      .find(({ long, required }) => !required && positive(long) === positive(flag))
    if (value === '=' && bare !== undefined) {
      return `option ${flag} takes no value${bare.long === flag ? '' : `: it is on, and ${bare.long} turns it off`}`
    }
    const owners = commands.filter(command => command.options.some(({ long }) => long === flag))
    if (owners.length === 1) return `unknown option '${flag}': it is an option of vnet ${owners[0]?.name()}`
    const longs = commands.find(command => command.name() === word)?.options.map(({ long }) => long) ?? []
    const meant = longs.includes('--wire') ? WIRE_WORDS.find(each => isNear(`--${each}`, flag)) : undefined
    if (meant !== undefined && !longs.some(long => isNear(long ?? '', flag))) {
      return `unknown option '${flag}' (Did you mean --wire '${meant} ...'?)`
    }
    if (!isNear('--help', flag)) message = message.replace('\n(Did you mean --help?)', '')
  }
  if (word === 'wire' && message.startsWith('error: too many arguments')) {
    return "the words of a wire are one argument, in quotes: 'delay 20ms loss 1%'"
  }
  return message
    .trim()
    .replace(/^error: /, '')
    .replace(/\n\(Did you mean [^)]*--delete\b.*/, '')
    .replace(/^command-argument value '(.*)' is invalid for argument '.*'\. /s, "'$1': ")
    .replace(/(?<=^'.*'): Allowed choices are (.*), (.*)\.$/s, ' is neither $1 nor $2')
    .replace(/^option '.*(--[\w-]+)[^']*' argument '(.*)' is invalid\. /s, '$1 $2: ')
    .replace(/\s*\n\s*/g, ' ')
}

/** Whether one letter more, less or other, or two that are swapped, make `b` of `a`. */
function isNear(a: string, b: string): boolean {
  let same = 0
  while (same < a.length && a[same] === b[same]) same++
  const [[a0, a1], [b0, b1]] = [a.slice(same), b.slice(same)]
  const isSwapped = a0 === b1 && a1 === b0
  const [rest, other] = [a.slice(same + 1), b.slice(same + 1)]
  return (
    rest === other ||
    rest === b.slice(same) ||
    a.slice(same) === other ||
    (isSwapped && rest.slice(1) === other.slice(1))
  )
}
