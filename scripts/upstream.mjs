/**
 * node scripts/upstream.mjs --in FOLDER [--node PROGRAM] [NAME...]: runs the reproducers of
 * docs/records/upstream, without vnet, and compares what they print with what the drafts quote.
 * FOLDER has the packages of examples/found/package.json, such as examples/found itself after
 * `npm install`. Each program runs in a network namespace of its own. A program that does not end
 * is an error after two minutes.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { readOptions } from './options.mjs'

const drafts = resolve(import.meta.dirname, '../docs/records/upstream')
const LIMIT = 120_000

/** Returns the names of all drafts. */
export const draftNames = () =>
  readdirSync(drafts)
    .filter(file => file.endsWith('.md') && file !== 'README.md')
    .map(file => file.replace('.md', ''))

/** Returns the parts of a draft: its text, the reproducer, its language, and the quoted output. */
export function draftOf(name) {
  const text = readFileSync(join(drafts, `${name}.md`), 'utf8')
  const [, language, program] = /^```(js|sh)\n([\s\S]*?)^```$/m.exec(text) ?? []
  const [, output] = /^```text\n([\s\S]*?)^```$/m.exec(text) ?? []
  return { text, language, program, output }
}

const TIME = /\b([\d.]+) ?(ms|s)\b/g

/** Returns the times in a text, in milliseconds. */
const timesIn = text =>
  [...text.matchAll(TIME)].map(([, value, unit]) => value * (unit === 's' ? 1000 : 1))

/** Returns whether two outputs are the same, except for times that differ by less than a second. */
export function isSame(one, other) {
  const times = timesIn(other)
  return (
    one.replace(TIME, 'TIME').trim() === other.replace(TIME, 'TIME').trim() &&
    timesIn(one).every((time, i) => Math.abs(time - times[i]) < 1000)
  )
}

/**
 * Runs the reproducer of a draft in a folder with its packages. Returns what it prints, with the
 * error that has ended it.
 */
export function run(name, { folder, node = process.execPath }) {
  const { language, program } = draftOf(name)
  const isModule = !program.includes('require(')
  const file = join(folder, `reproducer-${name}.${isModule ? 'mjs' : 'cjs'}`)
  writeFileSync(file, program)
  const command = language === 'js' ? `exec '${node}' '${file}'` : `exec sh '${file}'`
  const inside = ['--map-root-user', '--net', 'sh', '-c', `ip link set lo up && ${command}`]
  const options = { cwd: folder, encoding: 'utf8', timeout: LIMIT, killSignal: 'SIGKILL' }
  const { stdout, stderr, signal, status } = spawnSync('unshare', inside, options)
  rmSync(file)
  if (signal !== null) throw new Error(`${name}: it has not ended: ${stdout}`)
  const [error = ''] = /^\w*Error: .*$/m.exec(stderr) ?? []
  const end = status === 0 ? '' : `${error}\nstatus ${status}\n`
  return { output: `${stdout}${end}`, errors: stderr, status }
}

if (process.argv[1] === import.meta.filename) {
  const { values, positionals } = readOptions(
    { in: { type: 'string', default: 'examples/found' }, node: { type: 'string' } },
    Infinity,
  )
  const folder = resolve(values.in)
  for (const name of positionals.length > 0 ? positionals : draftNames()) {
    const { output, errors, status } = run(name, { folder, node: values.node })
    const isAsQuoted = isSame(output, draftOf(name).output ?? '')
    console.log(`${name}: ${isAsQuoted ? 'as quoted' : 'differs'}, status ${status}`)
    if (isAsQuoted) continue
    console.log(output)
    console.error(errors.split('\n').slice(0, 12).join('\n'))
    process.exitCode = 1
  }
}
