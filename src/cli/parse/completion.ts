/**
 * `vnet completion`: scripts for bash and zsh, generated from the commands. Both shells look a
 * command up in the same table: its options, which of them take a value, and the kinds of its
 * arguments. The names of interfaces, parameters and faults, and the options of a driver file, come
 * from vnet itself. vnet runs the file for its options. So this is done only for a file that the
 * user has named as the command, and not to complete that name.
 *
 * Names are chosen by strangers and may be `$(...)`. The shells compare them and quote what they
 * insert. They must never be expanded, as bash's `compgen -W` and an unquoted `$(...)` would do.
 */
import { readFileSync } from 'node:fs'
import { type Argument, type LazyCommand, type Option, option } from './option.ts'

/** The pattern of a driver file's name, as both scripts have it. */
const FILES = '*.[jt]s|*.[cm][jt]s'

/** Returns the script, to be sourced or put where the shell looks for completions. */
export function completion(shell: 'bash' | 'zsh', commands: readonly LazyCommand[]): string {
  const pairs = commands
    .filter(({ under }) => under !== undefined)
    .map(({ under, name }) => `${under} ${name}`)
  const script = readFileSync(new URL(`completion.${shell}`, import.meta.url), 'utf8')
  return script
    .replace(/^ *# COMMANDS\n/m, () => table(commands))
    .replace('@PAIRS@', () => `|${pairs.join('|')}|`)
}

/** Returns the branches of a `case` on the command, in the syntax of both shells. */
function table(commands: readonly LazyCommand[]): string {
  const [usual] = commands
  const named = commands.filter(({ under }) => under === undefined)
  const names = named.map(({ name }) => name).join('|')
  const branch = (pattern: string, options: readonly Option[], kinds: string) => {
    const words = (of: readonly Option[]) =>
      [...new Set(of.flatMap(({ short, long }) => [long, short]))].filter(Boolean).join(' ')
    const valued = options.filter(({ value, isOptional }) => value !== undefined && !isOptional)
    return `    ${pattern}) options='${words(options)}' valued='${words(valued)}' kinds='${kinds}' ;;\n`
  }
  const optionsOf = (command: LazyCommand | undefined) => [
    ...(command?.options ?? []).filter(({ isHidden }) => !isHidden),
    ...(command === usual ? [option('-V, --version', '')] : []),
    option('-h, --help', ''),
  ]
  const ofCommand = (command: LazyCommand) => {
    const { name, under, args = [] } = command
    const subs = commands
      .filter(each => each.under === name && under === undefined)
      .map(each => each.name)
    const kinds = [
      ...(subs.length === 0 ? [] : [subs.join('|')]),
      ...args.map(each => kind(each, names)),
    ]
    return branch(
      under === undefined ? name : `${under}' '${name}`,
      optionsOf(command),
      kinds.join(' '),
    )
  }
  return [
    branch("''", optionsOf(usual), `command:${names}`),
    ...commands.map(ofCommand),
    // Only the driver in the file has a list of its parameters: the shells request it.
    branch(FILES, optionsOf(usual), 'none...'),
  ].join('')
}

/**
 * Returns `interface`, `param`, `fault`, `file`, `file:` with names that are accepted instead of a
 * file, `none` or the list of names; with `...` if it repeats. A file that repeats may follow
 * interfaces: `either`.
 */
function kind(argument: Argument, commands: string): string {
  const { name, variadic } = argument
  const offered = argument.offered?.().join('|')
  const words =
    argument.words?.join('|') ??
    (offered === undefined ? undefined : (name.includes('FILE') ? 'file:' : '') + offered) ??
    {
      COMMAND: commands,
      IF: 'interface',
      NAME: 'param',
      FAULT: 'fault',
      FILE: variadic ? 'either' : 'file',
    }[name] ??
    'none'
  return words + (variadic ? '...' : '')
}
