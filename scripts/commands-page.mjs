/**
 * npm run generate: writes docs/commands-*.md, and the list and the sections of
 * commands in docs/commands.md, from the tables of commands of the last build. The other text of
 * docs/commands.md is written by hand.
 */

import { readFileSync, writeFileSync } from 'node:fs'
import { descriptionOf, nameOf, termOf, usageOf } from '../dist/cli/parse/help.js'
import { cell, withBlock } from './blocks.mjs'

const COMMON = 'Options of every driver'
const INDEX = 'commands.md'
const docs = new URL('../docs/', import.meta.url)

/** The groups of commands that have a page of their own, each with the purpose of the page. */
const GROUPS = {
  Interfaces: 'that make interfaces, and put wires on interfaces of others',
  Monitoring: 'that show a running vnet: its interfaces, counters, frames and events',
  Controlling: 'that change a running vnet: its cables, wires, parameters and faults',
  Captures: 'that write and read captures, and measure links',
  Labs: 'that run programs over bad links and in labs',
}

/**
 * Returns the pages by file names. `common` are the options that every driver has, `index` is the
 * text of docs/commands.md, whose list and sections are replaced.
 */
export function commandsPages(commands, common, index) {
  const groups = groupBy(commands, ({ group }) => group.replace(':', ''))
  const isCommon = new Set(common.map(({ long }) => long))
  const drivers = commands.filter(command => common.every(({ long }) => has(command, long)))
  const sections = (all, file) =>
    all.flatMap(command => section(command, drivers.includes(command) ? isCommon : new Set(), file))
  const linksFrom = (all, file, between = ', ') =>
    all.map(command => link(command, file)).join(between)
  const list = [...groups].map(([group, all]) => `| ${group} | ${linksFrom(all, INDEX)} |`)
  const rest = [
    ...[...groups].flatMap(([group, all]) => (group in GROUPS ? [] : sections(all, INDEX))),
    `## ${COMMON}\n\n${linksFrom(drivers, INDEX, ',\n')}\nand driver files have these options, too.\n`,
    ...tables(common),
  ]
  const pages = Object.entries(GROUPS).map(([group, purpose]) => {
    const file = fileOf(group)
    const head = `# Commands: ${group.toLowerCase()}\n\nThe commands ${purpose}.\n[Commands](${INDEX}) has all others, exit statuses, names of interfaces and units.\n`
    return [file, [head, ...sections(groups.get(group), file)].join('\n')]
  })
  const listed = withBlock(
    index,
    'list',
    ['| commands | |', '|---|---|', ...list].join('\n'),
    `docs/${INDEX}`,
  )
  return { [INDEX]: withBlock(listed, 'sections', rest.join('\n')), ...Object.fromEntries(pages) }
}

/** Returns the page of a group. */
const fileOf = group => (group in GROUPS ? `commands-${group.toLowerCase()}.md` : INDEX)

/** Map.groupBy, which Node 20 lacks. */
function groupBy(all, keyOf) {
  const groups = new Map()
  for (const each of all) {
    groups.set(keyOf(each), [...(groups.get(keyOf(each)) ?? []), each])
  }
  return groups
}

const anchorOf = heading => heading.toLowerCase().replaceAll(' ', '-')
const has = ({ options = [] }, long) => options.some(option => option.long === long)
/** Returns a link to a command, on a page. */
function link(command, file) {
  const page = fileOf(command.group.replace(':', ''))
  return `[${nameOf(command)}](${page === file ? '' : page}#vnet-${nameOf(command).replace(' ', '-')})`
}

function section(command, isCommon, file) {
  const { options = [], description, examples = [] } = command
  const width = Math.max(...examples.map(([line]) => line.length))
  return [
    `## vnet ${nameOf(command)}\n`,
    `${description[0].toUpperCase()}${description.slice(1)}.\n`,
    `    ${usageOf(command).replace(' | ', ' |\n        ')}\n`,
    ...tables(options.filter(({ long, isHidden }) => !isHidden && !isCommon.has(long))),
    ...(isCommon.size > 0
      ? [
          `It also has the [options of every driver](${file === INDEX ? '' : INDEX}#${anchorOf(COMMON)}).\n`,
        ]
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
      option =>
        `| \`${cell(termOf(option))}\` | ${cell(descriptionOf(option)).replace(/<(\w+)>/g, '`<$1>`')} |`,
    ),
    '',
  ])
}

if (process.argv[1] === import.meta.filename) {
  const [{ allCommands }, { commonOptions }] = await Promise.all([
    import('../dist/cli/program.js'),
    import('../dist/cli/parse/options.js'),
  ])
  const index = readFileSync(new URL(INDEX, docs), 'utf8')
  const pages = commandsPages(await allCommands(), commonOptions(), index)
  for (const [file, page] of Object.entries(pages)) {
    writeFileSync(new URL(file, docs), page)
  }
}
