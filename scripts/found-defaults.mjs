/**
 * node scripts/found-defaults.mjs [NAME...]: explores each scenario of examples/found in memory,
 * without what its author knew of the defect: with the default faults and points, and for 5
 * minutes. The defect is found if a failure in at least 3 of 4 runs has the error of the scenario's
 * own fault, apart from numbers. The result is `byDefaults` of its row in
 * packages/lab/records/found.json. `npm install` in examples/found comes first.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readOptions, refuse } from './options.mjs'

const BUDGET_MINUTES = 5
/** Runs of four that have to fail, from which on a defect is not a coincidence. */
const FAILED_MIN = 3

const root = resolve(import.meta.dirname, '..')
const examples = join(root, 'examples/found')
const record = join(root, 'packages/lab/records/found.json')

const { positionals } = readOptions({}, Number.POSITIVE_INFINITY)
// Each row has a scenario of its name.
const known = readRecord().defects.map(({ name }) => name)
for (const name of positionals) {
  if (!known.includes(name)) {
    refuse(`${name}: not a defect of found.json`)
  }
}
for (const name of positionals.length > 0 ? positionals : known) {
  const result = byDefaults(name)
  console.log(`${name}: ${result}`)
  keep(name, result)
}

/** Returns whether the defaults find a defect, as text for the record. */
function byDefaults(name) {
  const own = explored(join(examples, `${name}.mjs`))
  const errors = new Set(own.failures.map(({ error }) => withoutNumbers(error)))
  const wrapper = join(examples, `.defaults-${name}.mjs`)
  writeFileSync(wrapper, wrapperOf(name))
  try {
    const { failures, points, ms } = explored(wrapper, '--budget', `${BUDGET_MINUTES}min`)
    const tried = points.filter(({ verdict }) => verdict !== 'skipped').length
    const searched = `${tried} of ${points.length} points in ${Math.round(ms / 1000)} s`
    const sure = failures.filter(({ failed }) => failed >= FAILED_MIN)
    if (sure.some(({ error }) => errors.has(withoutNumbers(error)))) return `yes; ${searched}`
    const others = new Set(sure.map(({ error }) => withoutNumbers(error))).size
    return others === 0 ? `no; ${searched}` : `no, but another failure; ${searched}`
  } finally {
    rmSync(wrapper, { force: true })
  }
}

/** Returns a module with the scenario, but without the fault and the packets that it names. */
function wrapperOf(name) {
  return [
    `export { default } from './${name}.mjs'`,
    `import { options as own } from './${name}.mjs'`,
    'const { faults: _, filter: __, strict: ___, ...options } = own',
    'export { options }',
    '',
  ].join('\n')
}

/** Returns the result of an exploration, which may fail. */
function explored(file, ...args) {
  const vnet = [join(root, 'dist/vnet.js'), 'explore', file, '--json', '--no-captures', ...args]
  const { stdout, stderr, status } = spawnSync(process.execPath, vnet, {
    cwd: examples,
    encoding: 'utf8',
    maxBuffer: 2 ** 30,
  })
  if (status !== 0 && status !== 1) throw new Error(`${file}: ${stderr}`)
  const result = JSON.parse(stdout)
  if (result.cleanErrors.length > 0) throw new Error(`${file}: ${result.cleanErrors.join('\n')}`)
  return result
}

function withoutNumbers(error) {
  return error.replace(/\d+/g, '0')
}

/** Writes a result into the row of a defect before the next one is tried. */
function keep(name, result) {
  const found = readRecord()
  found.defects.find(each => each.name === name).byDefaults = result
  writeFileSync(record, `${JSON.stringify(found, undefined, 2)}\n`)
}

function readRecord() {
  return JSON.parse(readFileSync(record, 'utf8'))
}
