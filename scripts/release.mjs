/**
 * node scripts/release.mjs [--dry-run]: builds the files for every machine and publishes vnet and
 * its packages, which have the same version. A version such as 1.0.0-rc.1 gets the tag
 * `next`. In GitHub Actions the packages have provenance. With --dry-run nothing leaves this
 * machine, and the packed packages are installed in empty projects, where each README's commands
 * run (`npm run test:install`, as root). While packages are published, their package.json has the
 * fields of publisher.json; a release refuses to run without them.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { missing, readPublisher, withPublisher } from './publisher.mjs'
import { npm } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')
const PACKAGES = [
  '.',
  ...['exec', 'lan', 'guest', 'inet', 'lab', 'web', 'learn', 'create-vnet-driver'].map(name => `packages/${name}`),
]
/** Bytes of a packed package at most. */
const SIZE_MAX = 3_000_000

const args = process.argv.slice(2)
const isDry = args.includes('--dry-run')

function fail(message, code = 1) {
  console.error(`release: ${message}`)
  process.exit(code)
}

/** Runs a program on this terminal. */
function run(directory, program, ...words) {
  const { status } = spawnSync(program, words, { cwd: join(root, directory), stdio: 'inherit' })
  if (status !== 0) fail(`${words.join(' ')} failed, see above`)
}

const manifestOf = path => JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'))
const nameOf = path => manifestOf(path).name

/** Whether the registry has this version. If npm cannot ask it, publishing reports the error. */
function isPublished(path) {
  const [program, ...words] = npm()
  const view = [...words, 'view', `${nameOf(path)}@${version}`, 'version']
  const { status, stdout } = spawnSync(program, view, { cwd: root, encoding: 'utf8' })
  return status === 0 && stdout.trim() === version
}

/** The size of a package with the present files. */
function sizeOf(path) {
  const [program, ...words] = npm()
  const pack = [...words, 'pack', '--dry-run', '--json', '--ignore-scripts']
  return JSON.parse(execFileSync(program, pack, { cwd: join(root, path), encoding: 'utf8' }))[0].size
}

/** Provenance needs `repository`. */
function publish(path) {
  const file = join(root, path, 'package.json')
  const text = readFileSync(file, 'utf8')
  // Also after fail(), which ends the process.
  const restore = () => writeFileSync(file, text)
  process.once('exit', restore)
  if (lacking.length === 0) writeFileSync(file, withPublisher(text, publisher, path))
  run(path, ...npm(), 'publish', ...options)
  process.off('exit', restore)
  restore()
}

const unknown = args.find(word => word !== '--dry-run')
if (unknown !== undefined) fail(`${unknown} is not an option: use --dry-run or none`, 2)

const publisher = readPublisher()
const lacking = missing(publisher)
const lack = `scripts/publisher.json has no ${lacking.join(', ')}`
if (lacking.length > 0 && !isDry) fail(`${lack}: the owner of the packages sets them`)

const versions = PACKAGES.map(path => manifestOf(path).version)
const [version] = versions
if (versions.some(other => other !== version)) fail(`the packages have different versions: ${versions.join(', ')}`)
const isAction = process.env.GITHUB_ACTIONS === 'true'
// In the container of the workflow, git refuses a tree of another user.
const changes = () => execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
if (!isDry && !isAction && changes() !== '') fail('commit or remove your changes first: git status')
const tag = process.env.GITHUB_REF_TYPE === 'tag' ? process.env.GITHUB_REF_NAME : `v${version}`
if (tag !== `v${version}`) fail(`the tag is ${tag}, but the version ${version}`)

run('.', process.execPath, 'scripts/prebuild.mjs')
const options = ['--access', 'public', '--tag', version.includes('-') ? 'next' : 'latest']
if (isAction && !isDry) options.push('--provenance')
if (isDry) options.push('--dry-run')
for (const path of PACKAGES) {
  const size = sizeOf(path)
  if (size > SIZE_MAX) fail(`${nameOf(path)} has ${size} bytes when packed, at most ${SIZE_MAX} are allowed`)
}
for (const path of PACKAGES) {
  // A release that failed halfway continues with the other packages.
  if (!isDry && isPublished(path)) console.log(`${nameOf(path)} ${version} is published already`)
  else publish(path)
}
if (isDry) run('.', ...npm(), 'run', 'test:install')
if (lacking.length > 0) console.error(`release: ${lack}: only a dry run is possible`)
console.log(`${isDry ? 'would publish' : 'published'} vnet and its packages ${version}`)
