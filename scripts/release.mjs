/**
 * node scripts/release.mjs [--dry-run]: builds the files for every machine, packs vnet and its
 * packages, which have the same version, and publishes the files. A version such as 1.0.0-rc.1 gets
 * the tag `next`. In GitHub Actions the packages have provenance. With --dry-run nothing leaves
 * this machine, and the packed packages are installed in empty projects, where each README's
 * commands run (`npm run test:install`, as root). The package.json of a published package has the
 * fields of publisher.json; a release refuses to run without them.
 */

import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { manifestOf, PACKAGES, pack } from './packages.mjs'
import { missing, readPublisher } from './publisher.mjs'
import { npm } from './setup/command.mjs'

const root = resolve(import.meta.dirname, '..')
/** Bytes of a packed package at most. */
const SIZE_MAX = 3_000_000

const args = process.argv.slice(2)
const isDry = args.includes('--dry-run')

function fail(message, code = 1) {
  console.error(`release: ${message}`)
  process.exit(code)
}

/** Runs a program on this terminal. */
function run(program, ...words) {
  const { status } = spawnSync(program, words, { cwd: root, stdio: 'inherit' })
  if (status !== 0) {
    fail(`${words.join(' ')} failed, see above`)
  }
}

const nameOf = folder => manifestOf(folder).name

/** Whether the registry has this version. If npm cannot ask it, publishing reports the error. */
function isPublished(folder) {
  const [program, ...words] = npm()
  const view = [...words, 'view', `${nameOf(folder)}@${version}`, 'version']
  const { status, stdout } = spawnSync(program, view, { cwd: root, encoding: 'utf8' })
  return status === 0 && stdout.trim() === version
}

/** Packs all packages. Returns the folder and the file of each. Provenance needs `repository`. */
function packAll(directory) {
  const files = pack(PACKAGES, directory, lacking.length === 0 ? publisher : undefined)
  return PACKAGES.map((folder, i) => {
    const { size } = statSync(files[i])
    if (size > SIZE_MAX) {
      fail(`${nameOf(folder)} has ${size} bytes when packed, at most ${SIZE_MAX} are allowed`)
    }
    return [folder, files[i]]
  })
}

const unknown = args.find(word => word !== '--dry-run')
if (unknown !== undefined) {
  fail(`${unknown} is not an option: use --dry-run or none`, 2)
}

const publisher = readPublisher()
const lacking = missing(publisher)
const lack = `scripts/publisher.json has no ${lacking.join(', ')}`
if (lacking.length > 0 && !isDry) {
  fail(`${lack}: the owner of the packages sets them`)
}

const versions = PACKAGES.map(folder => manifestOf(folder).version)
const [version] = versions
if (versions.some(other => other !== version)) {
  fail(`the packages have different versions: ${versions.join(', ')}`)
}
const isAction = process.env.GITHUB_ACTIONS === 'true'
// In the container of the workflow, git refuses a tree of another user.
const changes = () =>
  execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' })
if (!isDry && !isAction && changes() !== '') {
  fail('commit or remove your changes first: git status')
}
const tag = process.env.GITHUB_REF_TYPE === 'tag' ? process.env.GITHUB_REF_NAME : `v${version}`
if (tag !== `v${version}`) {
  fail(`the tag is ${tag}, but the version ${version}`)
}

run(process.execPath, 'scripts/prebuild.mjs')
const options = ['--access', 'public', '--tag', version.includes('-') ? 'next' : 'latest']
if (isAction && !isDry) {
  options.push('--provenance')
}
if (isDry) {
  options.push('--dry-run')
}
const directory = mkdtempSync(join(tmpdir(), 'vnet-release-'))
// Also after fail(), which ends the process.
process.once('exit', () => rmSync(directory, { recursive: true, force: true }))
for (const [folder, file] of packAll(directory)) {
  // A release that failed halfway continues with the other packages.
  if (!isDry && isPublished(folder)) {
    console.log(`${nameOf(folder)} ${version} is published already`)
  } else {
    run(...npm(), 'publish', file, ...options)
  }
}
if (isDry) {
  run(...npm(), 'run', 'test:install')
}
if (lacking.length > 0) {
  console.error(`release: ${lack}: only a dry run is possible`)
}
console.log(`${isDry ? 'would publish' : 'published'} vnet and its packages ${version}`)
