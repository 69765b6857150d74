/** Makes the built site of the docs work offline. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const NAME = 'service-worker.js'
/** The exercises, the playground and their parts. Other files are kept once they are visited. */
const EARLY = [
  /^learn\/(course|exercises|\d\d-[\w-]+)\.html$/,
  /^assets\/(app|style|learn_(course|exercises|\d\d-[\w-]+))\./,
  /^assets\/chunks\/(?!@localSearch)/,
  /^checks-(?!\w+\/solutions)/,
  /playground/,
  /^(vp-icons\.css|icon\.svg)$/,
]

const digest = bytes => createHash('sha256').update(bytes).digest('hex').slice(0, 12)

/** Writes the service worker, with a list of all files of the directory. */
export function writeServiceWorker(directory) {
  const paths = readdirSync(directory, { recursive: true }).filter(
    path => path !== NAME && statSync(join(directory, path)).isFile(),
  )
  const files = Object.fromEntries(
    paths.sort().map(path => [path, digest(readFileSync(join(directory, path)))]),
  )
  const constants = {
    FILES: files,
    EARLY: paths.filter(path => EARLY.some(pattern => pattern.test(path))),
    VERSION: digest(JSON.stringify(files)),
  }
  const lines = Object.entries(constants).map(
    ([name, value]) => `const ${name} = ${JSON.stringify(value)}\n`,
  )
  writeFileSync(
    join(directory, NAME),
    lines.join('') + readFileSync(join(import.meta.dirname, NAME), 'utf8'),
  )
}
