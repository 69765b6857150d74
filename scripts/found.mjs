/**
 * What explore has found, packages/lab/records/found.json and hunted.json: its numbers, and the
 * tables of both records.
 */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { table } from './blocks.mjs'

const records = resolve(import.meta.dirname, '../packages/lab/records')
const read = name => JSON.parse(readFileSync(join(records, name), 'utf8'))

/** Downloads a month that are many. */
const MANY = 4e6

/** Returns downloads a month as text: `550 M`, `95 k`. */
const shownDownloads = n => (n < 1e5 ? `${n / 1e3} k` : `${n / 1e6} M`)

/** Returns the packages with a defect, and how many of them have over 4 million downloads. */
export function foundPackages() {
  const packages = read('found.json').defects.map(({ name, downloads }) => ({
    name,
    downloads: shownDownloads(downloads),
    isMany: downloads > MANY,
  }))
  return { packages, often: packages.filter(({ isMany }) => isMany).length }
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

/** Returns the text of the marks of found.md, by their names. */
export function foundTables() {
  const { defects, documented } = read('found.json')
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
  const count = `${packages.length} packages, ${often} of them with over 4 million downloads a month:`
  return {
    defects: `${count}\n\n${table(DEFECTS, rows)}`,
    documented: table(
      ['package', ''],
      documented.map(each => [each.package, each.why]),
    ),
  }
}

const PACKAGES = ['package', 'promise, and where', 'points', '']
const PROGRAMS = ['program', 'promise (manual page)', 'points', 'what happens']
const VERDICTS = ['points', 'passed', 'slower', 'missed', 'failed', 'seconds']
const NEMESIS = ['points', 'tried', 'passed', 'slower', 'failed', 'seconds']
const PLANTED = ['kind of program', 'fault', 'events', 'seconds']

const protocolTable = protocols =>
  table(
    ['protocol', 'server and client', ...VERDICTS],
    protocols.map(each => [each.protocol, each.programs, ...VERDICTS.map(name => each[name])]),
  )

/** Returns the text of the marks of hunted.md, by their names. */
export function huntedTables() {
  const { packages, programs, protocols, protocolsInKernel, planted, nemesis } = read('hunted.json')
  const points = packages.reduce((sum, each) => sum + each.points, 0)
  const rows = packages.map(each => [
    [`${each.package} ${each.version}`, each.part].filter(Boolean).join(', '),
    each.promise,
    each.points,
    each.result,
  ])
  const count = `${packages.length} packages, ${points.toLocaleString('en')} points:`
  return {
    packages: `${count}\n\n${table(PACKAGES, rows)}`,
    programs: table(
      PROGRAMS,
      programs.map(each => [each.program, each.promise, each.points, each.result]),
    ),
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
