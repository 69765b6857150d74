/**
 * The steps of a set-up, in order, each with its inputs and how it is made. Deleting a
 * directory deletes its stamp and makes its step due. If the installed tools are an input too, the
 * stamp is in node_modules.
 */

import { copyFileSync, existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { basename, dirname, posix, resolve } from 'node:path'
import { npm, run, tool } from './command.mjs'
import { writeEntries } from './entries.mjs'
import { importJoined, JOINED } from './joined.mjs'
import { ADDON, PROGRAMS } from './prebuilds.mjs'
import { digest, filesUnder } from './stamp.mjs'

const { join } = posix

/** The addon's own files, and shared ones. */
const isOfAddon = file => /^native\/(addon\/|[^/]+$)/.test(file)

const isOfProgram = file => !file.startsWith('native/addon/')

/** A step that builds targets of native/binding.gyp. `names` are its files in build/Release. */
function nativeStep(what, names, isInput) {
  const targets = names.map(name => name.replace(/\.\w+$/, ''))
  return {
    stamp: `build/.vnet-${what}`,
    native: true,
    // Not the version of Node: the addon uses Node-API, so one build works with every major
    // version.
    inputs: () =>
      digest(
        ['binding.gyp', ...filesUnder('native').filter(isInput)],
        [lockedVersion('node-addon-api'), process.arch],
      ),
    outputs: () => names.map(name => `build/Release/${name}`),
    make: () => {
      const options = ['--jobs', 'max', ...nodeHeaders()]
      return run(`building the ${what}`, [
        ...tool('node-gyp'),
        'configure',
        'build',
        ...targets,
        ...options,
      ])
    },
  }
}

/**
 * Returns the steps for the tree in the working directory, each `{ stamp, outputs(), inputs(),
 * make() }`. A late step is due only once its outputs are needed, or were.
 */
export const steps = [
  {
    // The architecture, because npm installs only its binaries. Not the version of Node, because
    // all binaries use Node-API.
    stamp: 'node_modules/.vnet-dependencies',
    inputs: () => digest(['package-lock.json'], [...dependencies(), process.arch]),
    outputs: () => [],
    // Options of an outer npm (`npm pack --dry-run`, `--omit=dev`) arrive in the environment and
    // must not apply here. Install scripts are not run, because no dependency needs one.
    make: () =>
      run('installing dependencies', [
        ...npm(),
        'ci',
        '--ignore-scripts',
        '--include=dev',
        '--no-dry-run',
        '--no-global',
        '--location=project',
        '--no-audit',
        '--no-fund',
      ]),
  },
  nativeStep('addon', [ADDON], isOfAddon),
  { ...nativeStep('programs', PROGRAMS, isOfProgram), isLate: true },
  {
    // In node_modules, because a new compiler makes the step due, and because dist is packed.
    stamp: 'node_modules/.vnet-dist',
    inputs: () => digest([...JOIN, ...configurations(), ...sources()]),
    outputs: () => sources().filter(isSource).map(compiled),
    make: compile,
  },
]

const JOIN = ['join.config.mjs', 'joined.mjs', 'entries.mjs'].map(name => `scripts/setup/${name}`)

/** What compiles a project. Its tsconfig.json is for editors, and needs no compiled package. */
const BUILD = 'tsconfig.build.json'

const configurations = () =>
  PROJECTS.flatMap(path => ['tsconfig.json', BUILD].map(name => join(path, name)))

const dependencies = () => {
  const { dependencies, devDependencies, optionalDependencies, overrides } =
    readJson('package.json')
  return [dependencies, devDependencies, optionalDependencies, overrides]
}

const lockedVersion = name =>
  readJson('package-lock.json').packages?.[`node_modules/${name}`]?.version

const readJson = file => JSON.parse(readFileSync(file, 'utf8'))

/**
 * node-gyp downloads the headers of Node unless their directory is given; most installations have
 * them.
 */
export function nodeHeaders() {
  const prefix = resolve(dirname(process.execPath), '..')
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
}

/** The source files of the page: compiled for browsers, or copied. */
const PAGE = 'packages/web/src/page'
const pageFiles = () => readdirSync(PAGE).filter(name => /\.(html|css|svg)$/.test(name))

/** The scripts for shells, which are copied beside the module that completes them. */
const SHELL_SCRIPTS = ['cli/parse/completion.bash', 'cli/parse/completion.zsh']

const isSource = file => /(?<!\.d)\.ts$/.test(file)

/** `src/a.ts` to `dist/a.js`, in the core and in the packages. */
const compiled = source => source.replace(/(^|\/)src\//, '$1dist/').replace(/ts$/, 'js')

/** The packages with code to compile, each after its imports. */
const PACKAGES = ['exec', 'lan', 'guest', 'inet', 'lab', 'web', 'learn'].map(
  name => `packages/${name}`,
)
const PROJECTS = ['.', ...PACKAGES]
/** Bundled for the site, and not compiled: what its tsconfig.json excludes. */
const BUNDLED = 'packages/learn/src/browser/'
const sources = () =>
  PROJECTS.map(path => join(path, 'src'))
    .flatMap(filesUnder)
    .filter(file => !file.startsWith(BUNDLED))

/** Joins compiled modules, and writes the entries of the package: see joined.mjs, entries.mjs. */
async function joinModules(name, to) {
  if (JOINED[name] !== undefined) {
    const environment = `DIST:${to},PROJECT:${name}`
    await run(`joining modules of ${name}`, [
      ...tool('rolldown'),
      '-c',
      JOIN[0],
      '--environment',
      environment,
    ])
  }
  importJoined(to)
  await writeEntries(name === 'vnet' ? '.' : `packages/${name}`, to)
}

async function compile() {
  await compileTo('dist', async to => {
    await run('compiling', [...tool('tsc'), '-p', BUILD, '--outDir', to, '--noEmitOnError'])
    for (const name of SHELL_SCRIPTS) {
      copyFileSync(join('src', name), join(to, name))
    }
    await joinModules('vnet', to)
  })
  for (const path of PACKAGES) {
    await compileTo(`${path}/dist`, async to => {
      await run(`compiling ${path}`, [
        ...tool('tsc'),
        '-p',
        join(path, BUILD),
        '--outDir',
        to,
        '--noEmitOnError',
      ])
      await joinModules(basename(path), to)
      if (!PAGE.startsWith(`${path}/`)) return
      await run('compiling the page', [
        ...tool('tsc'),
        '-p',
        join(PAGE, BUILD),
        '--outDir',
        to,
        '--noEmitOnError',
      ])
      for (const name of pageFiles()) {
        copyFileSync(join(PAGE, name), join(to, 'page', name))
      }
    })
  }
}

/**
 * Compiles to another directory and renames it to `dist`, so that no stale file remains and a
 * running program never sees a part.
 */
async function compileTo(dist, make) {
  const to = `${dist}.new`
  rmSync(to, { recursive: true, force: true })
  try {
    await make(to)
    rmSync(dist, { recursive: true, force: true })
    renameSync(to, dist)
  } finally {
    rmSync(to, { recursive: true, force: true })
  }
}
