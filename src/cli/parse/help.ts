/** The help texts: of the program on one screen, of all commands, and of each command. */
import type { Argument, Example, LazyCommand, Option } from './option.ts'

type Section = readonly [
  heading: string,
  items: readonly (readonly [term: string, description: string])[],
]

const COLUMNS = 80
/** The narrowest column for descriptions; longer terms have a line of their own. */
const NARROW = 36

/** The text in the usage line for an argument that is not written like its name. */
const WRITTEN: Readonly<Record<string, string>> = {
  ADDRESS: '[ADDR:]PORT',
  IF: '[NETNS/]IF',
  'IF...': '[NETNS/]IF...',
  NAME: 'NAME[=VALUE]',
  'FILE...': '[[NETNS/]IF...] FILE|-',
}

/** Returns `vnet --help`. `purpose` is the sentence about the program. */
export function programHelp(
  purpose: string,
  commands: readonly LazyCommand[],
  examples: readonly Example[],
): string {
  const groups = [...sections(commands, ({ group, name }) => [group, [name, '']])]
  const width = Math.max(...groups.map(([heading]) => heading.length))
  return [
    'Usage: vnet [COMMAND] [OPTIONS]',
    '',
    ...wrapped(`${purpose}. Without COMMAND: loop.`, COLUMNS),
    '',
    ...groups.flatMap(([heading, items]) =>
      item(heading, width, items.map(([name]) => name).join(' '), ''),
    ),
    '',
    ...section(['Examples:', examples]),
    '',
    'vnet COMMAND --help: its options, with examples; vnet help --all: all commands',
    '',
  ].join('\n')
}

/** Returns `vnet help --all`. */
export function commandList(commands: readonly LazyCommand[]): string {
  const parts = sections(commands, command => [
    command.group,
    [`${nameOf(command)} ${arguments_(command)}`.trimEnd(), command.description],
  ])
  return `${parts.map(part => section(part).join('\n')).join('\n\n')}\n`
}

/** Returns `vnet COMMAND --help`. `subs` are its subcommands. */
export function commandHelp(command: LazyCommand, subs: readonly LazyCommand[]): string {
  const { options = [], description, examples = [] } = command
  const shown = options.filter(({ isHidden }) => !isHidden)
  const parts: Section[] = [
    ...sections(shown, option => [option.group, [termOf(option), descriptionOf(option)]]),
    ['Commands:', subs.map(sub => [`${sub.name} ${arguments_(sub)}`.trimEnd(), sub.description])],
    ['Examples:', examples],
  ]
  const text = [
    ...wrapped(`Usage: ${usageOf(command)}`, COLUMNS),
    '',
    ...wrapped(description, COLUMNS),
  ].join('\n')
  return `${[text, ...parts.filter(([, items]) => items.length > 0).map(part => section(part).join('\n'))].join('\n\n')}\n`
}

/** Returns the usage line of a command: `vnet reset [OPTIONS] [NETNS/]IF`. */
export function usageOf(command: LazyCommand): string {
  const hasOptions = command.options?.some(({ isHidden }) => !isHidden) === true
  return `vnet ${nameOf(command)} ${command.usage ?? `${hasOptions ? '[OPTIONS] ' : ''}${arguments_(command)}`}`.trimEnd()
}

export const nameOf = ({ name, under }: LazyCommand): string =>
  under === undefined ? name : `${under} ${name}`

function arguments_({ usage, args = [] }: LazyCommand): string {
  return usage?.replace('[OPTIONS]', '').trimStart() ?? args.map(written).join(' ')
}

/** Returns an argument in the form of the usage line. */
function written({ name, variadic, required }: Argument): string {
  const key = name + (variadic ? '...' : '')
  const word = WRITTEN[key] ?? key
  return required ? word : `[${word}]`
}

export function descriptionOf({ description, usual }: Option): string {
  return usual === undefined ? description : `${description} (default ${usual.text})`
}

/** `--mtu <n>` becomes `--mtu N`, as in ip(8); an optional value, `--step[=TIME]`. */
export function termOf({ flags }: Option): string {
  return flags
    .replace(/ \[(.*)\]/, '[=<$1>]')
    .replace(/<(.*)>/, (_, value: string) => value.toUpperCase())
}

/** Collects items under their headings, in the order of first appearance. */
function sections<T>(
  all: readonly T[],
  place: (each: T) => readonly [heading: string | undefined, item: Section[1][number]],
): Section[] {
  const groups = new Map<string, Section[1]>()
  for (const [heading = 'Options:', each] of all.map(place)) {
    groups.set(heading, [...(groups.get(heading) ?? []), each])
  }
  return [...groups]
}

function section([heading, items]: Section): string[] {
  const width = Math.max(...items.map(([term]) => term.length))
  return [heading, ...items.flatMap(([term, description]) => item(term, width, description))]
}

/** Returns a term and its description beside it, or below it if the description has no room. */
function item(term: string, width: number, description: string, indent = '  '): string[] {
  const left = Math.min(indent.length + width + 2, COLUMNS - NARROW)
  const lines = wrapped(description, COLUMNS - left)
  const head = `${indent}${term}`
  const rest = lines.map(line => ' '.repeat(left) + line)
  if (head.length + 2 > left) {
    return [...wrapped(term, COLUMNS - indent.length).map(line => indent + line), ...rest]
  }
  return [(head.padEnd(left) + (lines[0] ?? '')).trimEnd(), ...rest.slice(1)]
}

function wrapped(text: string, width: number): string[] {
  const lines: string[] = []
  for (const word of text.split(' ')) {
    const last = lines.at(-1)
    if (last !== undefined && last.length + 1 + word.length <= width) {
      lines[lines.length - 1] = `${last} ${word}`
    } else {
      lines.push(word)
    }
  }
  return lines
}
