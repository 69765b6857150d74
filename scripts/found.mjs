/**
 * What explore has found, packages/lab/records/found.json and hunted.json: its numbers, and the
 * tables of both records.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { cell, table, wrapped } from './blocks.mjs'

const records = resolve(import.meta.dirname, '../packages/lab/records')
const read = name => JSON.parse(readFileSync(join(records, name), 'utf8'))

/** Downloads a month that are many. */
const MANY = 4e6

/** Returns downloads a month as text, with at most three digits: `550 M`, `26.5 M`, `95 k`. */
function shownDownloads(n) {
  if (n === null || n === undefined) return 'not recorded'
  const short = value => `${Number(value.toPrecision(3))}`
  return n < 1e5 ? `${short(n / 1e3)} k` : `${short(n / 1e6)} M`
}

/**
 * Returns the packages with a defect, how many of the defects are new or known upstream, how many
 * explore finds by its defaults, and how many of the packages have over 4 million downloads.
 */
export function foundPackages() {
  const packages = read('found.json').defects.map(({ name, downloads, known, byDefaults }) => ({
    name,
    downloads: shownDownloads(downloads),
    isKnown: known,
    isMany: downloads > MANY,
    isByDefaults: byDefaults.startsWith('yes'),
  }))
  const count = is => packages.filter(is).length
  return {
    packages,
    unknown: count(({ isKnown }) => !isKnown),
    known: count(({ isKnown }) => isKnown),
    byDefaults: count(({ isByDefaults }) => isByDefaults),
    often: count(({ isMany }) => isMany),
  }
}

/** Returns how many finds are new and how many known, with what each number means. */
export function foundCounts() {
  const { unknown, known, byDefaults } = foundPackages()
  const by = `the default faults find ${byDefaults} of them within 5 minutes`
  return `${unknown} new (a search found no report of it) and ${known} known upstream; ${by}`
}

const DEFECTS = [
  'package',
  'downloads a month',
  'promise',
  'fault',
  'what happens',
  'noticed after',
  'work-around',
  'upstream',
]

const STATUS = [
  'package',
  'draft',
  'status',
  'reported',
  'report to',
  'maintained',
  'since version',
  'Node',
  'recorded',
  'read first',
  'by the defaults in 5 minutes',
]

const PROGRAM_DEFECTS = [
  'program',
  'draft',
  'promise',
  'fault',
  'what happens',
  'work-around',
  'upstream',
  'status',
]

/** Where the drafts are, from found.md. */
const DRAFTS = '../../../docs/records/upstream'

const READ = { reading: 'yes', unaided: 'no', 'not recorded': 'not recorded' }

/** Returns the table of the status of each defect. */
function statusTable(defects) {
  const rows = defects.map(each => [
    each.name,
    `[draft](${DRAFTS}/${each.name}.md)`,
    each.status,
    each.reported,
    each.disclosure === 'an issue' ? 'issues' : 'the maintainer first',
    each.maintained,
    each.since,
    each.node,
    each.found,
    READ[each.by],
    each.byDefaults,
  ])
  return table(STATUS, rows)
}

/** Returns the drafts of docs/records/upstream/README.md, in the order in which to file them. */
export function draftTables() {
  const { defects, programs, commands } = read('found.json')
  const rows = each =>
    each.map(({ name, version, downloads, upstream, status }) => [
      `[${name}](${name}.md) ${version}`,
      shownDownloads(downloads),
      upstream,
      status,
    ])
  const columns = ['draft', 'downloads a month', 'upstream', 'status']
  const isPrivate = ({ disclosure }) => disclosure === 'privately first'
  return {
    private: table(columns, rows([...defects, ...programs, ...commands].filter(isPrivate))),
    programs: table(columns, rows([...programs, ...commands].filter(each => !isPrivate(each)))),
    unknown: table(columns, rows(defects.filter(each => !isPrivate(each) && !each.known))),
    known: table(columns, rows(defects.filter(each => !isPrivate(each) && each.known))),
  }
}

const programTable = programs =>
  table(
    PROGRAM_DEFECTS,
    programs.map(each => [
      `${each.program} ${each.version}`,
      `[draft](${DRAFTS}/${each.name}.md)`,
      each.promise,
      each.fault,
      each.effect,
      each.workaround,
      each.upstream,
      each.status,
    ]),
  )

/** Returns the text of the marks of found.md, by their names. */
export function foundTables() {
  const { defects, programs, commands, documented } = read('found.json')
  const { packages, often } = foundPackages()
  const rows = defects.map(each => [
    `[${each.name}](https://www.npmjs.com/package/${each.package}) ${each.version}`,
    shownDownloads(each.downloads),
    each.promise,
    each.fault,
    each.effect,
    each.noticed,
    each.workaround,
    each.upstream,
  ])
  const known = defects.filter(({ downloads }) => typeof downloads === 'number').length
  const many = `of which ${known} have recorded downloads, ${often} of them over 4 million a month`
  const count = `${packages.length} packages, ${many}. The defects are ${foundCounts()}:`
  return {
    defects: `${wrapped(count)}\n\n${table(DEFECTS, rows)}`,
    programs: programTable(programs),
    commands: programTable(commands),
    status: statusTable(defects),
    documented: table(
      ['package', ''],
      documented.map(each => [each.package, each.why]),
    ),
  }
}

const PACKAGES = ['package', 'promise, and where', 'points', '']
const PROGRAMS = ['program', 'promise (manual page)', 'points', 'what happens']
const COMMANDS = ['program or library', 'language', 'promise, and where', 'points', '']
const VERDICTS = ['points', 'passed', 'slower', 'missed', 'failed', 'seconds']
const NEMESIS = ['points', 'tried', 'passed', 'slower', 'failed', 'seconds']
const PLANTED = ['kind of program', 'fault', 'events', 'seconds']

const protocolTable = protocols =>
  table(
    ['protocol', 'server and client', ...VERDICTS],
    protocols.map(each => [each.protocol, each.programs, ...VERDICTS.map(name => each[name])]),
  )

/** Returns a text of a hunt as one cell: what it quotes is not markup, except code. */
const quoted = text =>
  cell(
    text
      .split(/(`[^`]*`)/)
      .map(part => (part.startsWith('`') ? part : part.replaceAll('<', '&lt;')))
      .join(''),
  )

/** Returns the table of what was hunted by `vnet explore --server`, and its numbers. */
function commandsText(commands) {
  const sum = (each, field) => each.reduce((total, row) => total + row[field], 0)
  const began = word => commands.filter(({ result }) => result.startsWith(word))
  const points = sum(commands, 'points').toLocaleString('en')
  const results = [
    'survives',
    'defect',
    'not published',
    'known',
    'documented',
    'weak promise',
  ].map(word => `${began(word).length} ${word}`)
  const count = `${commands.length} programs and libraries, ${points} points, ${sum(commands, 'minutes')} minutes: ${results.join(', ')}.`
  const rows = commands.map(each => [
    each.program,
    each.language,
    quoted(each.promise),
    each.points,
    quoted(each.result),
  ])
  return `${wrapped(count)}\n\n${table(COMMANDS, rows)}`
}

/** Returns the text of the marks of hunted.md, by their names. */
export function huntedTables() {
  const { packages, programs, commands, protocols, protocolsInKernel, planted, nemesis } =
    read('hunted.json')
  const points = packages.reduce((sum, each) => sum + each.points, 0)
  const rows = packages.map(each => [
    [`${each.package} ${each.version}`, each.part].filter(Boolean).join(', '),
    quoted(each.promise),
    each.points,
    quoted(each.result),
  ])
  const count = `${packages.length} packages, ${points.toLocaleString('en')} points:`
  return {
    packages: `${count}\n\n${table(PACKAGES, rows)}`,
    programs: table(
      PROGRAMS,
      programs.map(each => [each.program, each.promise, each.points, each.result]),
    ),
    commands: commandsText(commands),
    protocols: protocolTable(protocols),
    'protocols-in-kernel': protocolTable(protocolsInKernel),
    planted: table(
      ['bug', ...PLANTED],
      planted.map(each => [each.bug, each.program, each.fault, each.events, each.seconds]),
    ),
    nemesis: table(
      ['server and client', ...NEMESIS],
      nemesis.map(each => [each.programs, ...NEMESIS.map(name => each[name])]),
    ),
  }
}
