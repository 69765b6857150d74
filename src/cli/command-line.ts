/** Runs a command line: finds its command, loads the code for it, and reports its errors. */
import { causesOf, didYouMean, FileError, messageOrDescription, UsageError } from '../base/index.ts'
import { isOtherFile } from './driver-file.ts'
import { packageVersion } from './own-package.ts'
import { type LazyCommand, option } from './parse/option.ts'
import { commonOptions } from './parse/options.ts'
import { commandIndex, knownWords, type Parsed, parse, see, UnknownOption } from './parse/parse.ts'
import { complain, EXIT_FAILURE, EXIT_OK, EXIT_USAGE, type Io } from './process/io.ts'
import { allCommands, commandNamed, printHelp } from './program.ts'

const VERSION = option('-V, --version', 'print the version')
/** `-h` among other letters is help too. */
const HELP = /^(--help|-[a-zA-Z]*h[a-zA-Z]*)$/

/** Groups of commands that run until they are ended; driver files have the group `undefined`. */
const TEXT_ERRORS: readonly (string | undefined)[] = ['Interfaces:', 'Labs:', undefined]

/** Runs `vnet ARGS`; `argv` is ARGS. Never throws. */
export async function runCommandLine(argv: readonly string[], raw: Io): Promise<number> {
  let io = raw
  try {
    const usual = [...commonOptions(), VERSION]
    const at = commandIndex(argv, usual)
    const word = argv[at]
    // What follows an unknown option may be its value, or the command.
    const known = word === undefined ? knownWords(argv, usual) : []
    if (known.some(arg => HELP.test(arg))) {
      await printHelp(undefined, io)
      return EXIT_OK
    }
    if (known.some(arg => arg === '--version' || arg === '-V')) {
      io.out(`${packageVersion()}\n`)
      return EXIT_OK
    }
    if (isOtherFile(word)) {
      throw new UsageError(`'${word}' is not a driver: a driver file ends in .js, .mjs or .ts`)
    }
    // An option before the command is the command's: `vnet --json stats` is `vnet stats --json`.
    const rest = argv.filter((_, i) => i !== at)
    const next = at + commandIndex(rest.slice(at), usual)
    const sub = word === undefined || next < at ? undefined : await commandNamed(rest[next], word)
    const command = sub ?? (await commandNamed(word, undefined, io))
    if (command === undefined) throw await unknownCommand(word ?? '', io)
    if (sub !== undefined) {
      rest.splice(next, 1)
    }
    io = { ...raw, json: rest.includes('--json') && !TEXT_ERRORS.includes(command.group) }
    const parsed = await parseFor(command, rest)
    if (parsed === undefined) {
      await printHelp(command, io)
      return EXIT_OK
    }
    io = { ...io, json: io.json === true && parsed.options.json === true }
    return await command.run(io, ...parsed.args, parsed.options)
  } catch (error) {
    const [status = EXIT_FAILURE] = causesOf(error).map(each => report(each, io))
    return status
  }
}

/** Prints an error. Returns its exit status. */
function report(error: unknown, io: Io): number {
  if (error instanceof UsageError) {
    // A file may have several mistakes.
    const lines = error instanceof FileError ? error.message.split('\n') : [error.message]
    for (const line of lines) {
      complain(io, line)
    }
    return error.cause === undefined ? EXIT_USAGE : EXIT_FAILURE
  }
  complain(io, messageOrDescription(error))
  return EXIT_FAILURE
}

/** Parses the arguments of a command. If an option is only another command's, the error says so. */
async function parseFor(
  command: LazyCommand,
  words: readonly string[],
): Promise<Parsed | undefined> {
  try {
    return parse(command, words)
  } catch (error) {
    if (!(error instanceof UnknownOption) || error.advice !== '') throw error
    const { flag } = error
    const commands = await allCommands(false)
    const owners = commands.filter(({ options }) => options?.some(({ long }) => long === flag))
    const [owner] = owners
    if (owner !== undefined && owners.length === 1) {
      throw new UsageError(`${error.message}: it is an option of vnet ${owner.name}`)
    }
    const isCommand = owner === undefined && commands.some(({ name }) => flag === `--${name}`)
    throw new UsageError(
      error.message + (isCommand ? `: it is the command vnet ${flag.slice(2)}` : see(command)),
    )
  }
}

async function unknownCommand(word: string, { find = {} }: Io): Promise<UsageError> {
  const { readDirectories } = await import('../control/sockets/directory.ts')
  const { directoriesOf } = await import('../control/client/find.ts')
  const names = readDirectories(directoriesOf(find)).flatMap(({ interfaces }) =>
    interfaces.map(({ name }) => name),
  )
  if (names.includes(word)) return new UsageError(`${word} is an interface: vnet show ${word}`)
  const commands = (await allCommands(false)).filter(({ under }) => under === undefined)
  const near = didYouMean(word, new Set(commands.map(({ name }) => name)))
  return new UsageError(`unknown command '${word}'${near || ' (see vnet --help)'}`)
}
