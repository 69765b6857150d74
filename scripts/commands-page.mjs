/**
 * node scripts/commands-page.mjs: writes docs/commands.md from the tables of commands of the last
 * build.
 */

import { writeFileSync } from 'node:fs'
import { descriptionOf, nameOf, termOf, usageOf } from '../dist/cli/help.js'

const HEAD = `# Commands

This page lists every command of vnet with its arguments, options and examples: the text of
\`vnet COMMAND --help\`, from which it is made. In a clone that is not installed, \`vnet\` is
\`node dist/vnet.js\`.

The exit status is 0, 1 if the command failed or a running vnet refused it, or 2 if an option or
argument is wrong. Errors are one line on standard error. IF is the name of an interface; NETNS/IF
is one in another network namespace. Times have a unit: \`50us\`, \`20ms\`, \`30s\`.
`
const COMMON = 'Options of every driver'

/** Returns the page. `common` are the options that every driver has. */
export function commandsPage(commands, common) {
  const groups = groupBy(commands, ({ group }) => group)
  const isCommon = new Set(common.map(({ long }) => long))
  const drivers = commands.filter(command => common.every(({ long }) => has(command, long)))
  return [
    HEAD,
    '| commands | |\n|---|---|',
    ...[...groups].map(([heading = '', all]) => `| ${heading.replace(':', '')} | ${all.map(link).join(', ')} |`),
    '',
    ...commands.flatMap(command => section(command, drivers.includes(command) ? isCommon : new Set())),
    `## ${COMMON}\n\n${drivers.map(link).join(', ')}\nand driver files have these options, too.\n`,
    ...tables(common),
  ].join('\n')
}

/** Map.groupBy, which Node 20 lacks. */
function groupBy(all, keyOf) {
  const groups = new Map()
  for (const each of all) groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each])
  return groups
}

const has = ({ options = [] }, long) => options.some(option => option.long === long)
const link = command => `[${nameOf(command)}](#vnet-${nameOf(command).replace(' ', '-')})`

function section(command, isCommon) {
  const { options = [], description, examples = [] } = command
  const width = Math.max(...examples.map(([line]) => line.length))
  return [
    `## vnet ${nameOf(command)}\n`,
    `${description[0].toUpperCase()}${description.slice(1)}.\n`,
    `    ${usageOf(command)}\n`,
    ...tables(options.filter(({ long, isHidden }) => !isHidden && !isCommon.has(long))),
    ...(isCommon.size > 0
      ? [`It also has the [options of every driver](#${COMMON.toLowerCase().replaceAll(' ', '-')}).\n`]
      : []),
    '```sh',
    ...examples.map(([line, effect]) => `${line.padEnd(Math.min(width, 50))}  # ${effect}`),
    '```\n',
  ]
}

/** Returns a table for each group of options. */
function tables(options) {
  return [...groupBy(options, ({ group = 'Options:' }) => group)].flatMap(([heading, all]) => [
    `| ${heading.replace(/:$/, '')} | |`,
    '|---|---|',
    ...all.map(
      option => `| \`${cell(termOf(option))}\` | ${cell(descriptionOf(option)).replace(/<(\w+)>/g, '`<$1>`')} |`,
    ),
    '',
  ])
}
const cell = text => text.replaceAll('|', '\\|')

if (process.argv[1] === import.meta.filename) {
  const [{ allCommands }, { commonOptions }] = await Promise.all([
    import('../dist/cli/program.js'),
    import('../dist/cli/options.js'),
  ])
  const page = commandsPage(await allCommands(), commonOptions())
  writeFileSync(new URL('../docs/commands.md', import.meta.url), page)
}
