/**
 * The steps of a set-up, in order, each with its inputs and how it is made. Deleting a
 * directory deletes its stamp and makes its step due. If the installed tools are an input too, the
 * stamp is in node_modules.
 */

import {
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, posix, resolve } from 'node:path'
import { npm, run, tool } from './command.mjs'
import { writeEntries } from './entries.mjs'
import { importJoined, JOINED, seeThroughDoors } from './joined.mjs'
import { ADDON, GUEST_PROGRAM, PROGRAMS } from './prebuilds.mjs'
import { digest, filesUnder } from './stamp.mjs'

const { join } = posix

/** The addon's own files, and shared ones. */
const isOfAddon = file => /^native\/(addon\/|[^/]+$)/.test(file)

const isOfProgram = file => !file.startsWith('native/addon/')

/** Whether this process has written the makefiles, which are for all targets. */
let isConfigured = false

/** A step that builds targets of native/binding.gyp. `names` are its files in build/Release. */
function nativeStep(name, names, isInput) {
  const targets = names.map(file => file.replace(/\.\w+$/, ''))
  const what = `building the ${name}`
  return {
    what,
    stamp: `build/.vnet-${name.replaceAll(' ', '-')}`,
    native: true,
    // Not the version of Node: the addon uses Node-API, so one build works with every major
    // version.
    inputs: () =>
      digest(
        ['binding.gyp', ...filesUnder('native').filter(isInput)],
        [lockedVersion('node-addon-api'), process.arch],
      ),
    outputs: () => names.map(file => `build/Release/${file}`),
    make: async () => {
      const commands = isConfigured ? ['build'] : ['configure', 'build']
      const options = ['--jobs', 'max', ...nodeHeaders()]
      await run(what, [...tool('node-gyp'), ...commands, ...targets, ...options])
      isConfigured = true
    },
  }
}

/**
 * The steps for the tree in the working directory, each `{ what, stamp, outputs(), inputs(),
 * make() }`. All need the first one. After it, the native ones are made in order, and beside them
 * the others. A step that names what it is `late` for is due only if that is wanted, or once its
 * outputs were made.
 *
 * Who checks types: the last step checks all sources, for `npm run setup`, for tests and before
 * files are packed. `npm test` checks the tests (scripts/test.mjs). To start vnet, none is checked.
 */
export const steps = [
  {
    what: 'installing dependencies',
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
        // Names and checksums are locked: a package in npm's cache need not be asked for again.
        '--prefer-offline',
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
  { ...nativeStep('programs', PROGRAMS, isOfProgram), late: 'programs' },
  { ...nativeStep('program of guests', [GUEST_PROGRAM], isOfProgram), late: 'guest' },
  {
    what: 'compiling',
    // In node_modules, because a new compiler makes the step due, and because dist is packed.
    stamp: 'node_modules/.vnet-dist',
    inputs: () => digest([...JOIN, CHECK, BUILD, ...sources()]),
    outputs: () => sources().filter(isSource).map(compiled),
    make: compile,
  },
  {
    what: 'checking types',
    // Beside the declarations.
    stamp: 'node_modules/.vnet-declarations/.vnet-types',
    late: 'types',
    inputs: () => digest([CHECK, BUILD, TYPES, ...sources()]),
    outputs: () => [],
    make: checkTypes,
  },
]

const JOIN = ['join.config.mjs', 'joined.mjs', 'built-module.mjs', 'doors.mjs', 'entries.mjs'].map(
  name => `scripts/setup/${name}`,
)

/** The options of editors, which the other ones extend. */
const CHECK = 'tsconfig.json'
/** The options of the compiler, which extend them. Those of the page are in its folder. */
const BUILD = 'tsconfig.build.json'
/** The options of the check that also keeps declarations, for the check of the tests. */
const TYPES = 'tsconfig.types.json'

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

/** The core, and the packages with code to compile, each after its imports. */
const PROJECTS = [
  '.',
  ...['exec', 'lan', 'guest', 'inet', 'conform', 'lab', 'web', 'learn'].map(
    name => `packages/${name}`,
  ),
]
/** Bundled for the site, and not compiled: what tsconfig.json excludes. */
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
  await importJoined(to)
  await writeEntries(name === 'vnet' ? '.' : `packages/${name}`, to)
}

/**
 * Compiles all projects in one program, because several would read the same files again, and moves
 * the modules of each to its `dist`.
 */
async function compile() {
  const emitted = 'dist.emitted'
  rmSync(emitted, { recursive: true, force: true })
  try {
    await emit('compiling', BUILD, emitted)
    for (const path of PROJECTS) {
      await replaceDist(path, async to => {
        moveModules(join(emitted, path, 'src'), to)
        await addOtherFiles(path, to)
      })
    }
  } finally {
    rmSync(emitted, { recursive: true, force: true })
  }
}

/** Adds to the modules of a project what is made in another way. */
async function addOtherFiles(path, to) {
  if (path === '.') {
    for (const name of SHELL_SCRIPTS) {
      copyFileSync(join('src', name), join(to, name))
    }
  }
  await joinModules(path === '.' ? 'vnet' : basename(path), to)
  if (!PAGE.startsWith(`${path}/`)) return
  await emit('compiling the page', join(PAGE, BUILD), to)
  await seeThroughDoors(join(to, 'page'))
  for (const name of pageFiles()) {
    copyFileSync(join(PAGE, name), join(to, 'page', name))
  }
}

/** Errors of syntax and of declarations are reported, too. One thread takes less CPU time. */
const emit = (what, project, to) =>
  run(what, [...tool('tsc'), '-p', project, '--outDir', to, '--noCheck', '--singleThreaded'])

/** Moves a directory, and lets the source maps in it lead to the sources from its new place. */
function moveModules(from, to) {
  for (const file of filesUnder(from).filter(name => name.endsWith('.map'))) {
    const directory = dirname(join(to, file.slice(from.length)))
    const text = readFileSync(file, 'utf8').replace(/"sources":\["([^"]*)"\]/, (_, source) => {
      const path = posix.relative(directory, join(dirname(file), source))
      return `"sources":["${path}"]`
    })
    writeFileSync(file, text)
  }
  renameSync(from, to)
}

/**
 * Makes another directory and renames it to the `dist` of a project, so that no stale file remains
 * and a running program never sees a part.
 */
async function replaceDist(path, make) {
  const [dist, to] = ['dist', 'dist.new'].map(name => join(path, name))
  rmSync(to, { recursive: true, force: true })
  try {
    await make(to)
    rmSync(dist, { recursive: true, force: true })
    renameSync(to, dist)
  } finally {
    rmSync(to, { recursive: true, force: true })
  }
}

/**
 * Checks the sources of all projects together, except the page: what runs in browsers has types
 * that other sources must not use. The check of the tests reads the declarations, instead of
 * checking all sources again with the options of tests.
 */
async function checkTypes() {
  await run('checking types', [...tool('tsc'), '-p', TYPES, '--singleThreaded'])
  await run('checking types of the page', [...tool('tsc'), '-p', PAGE, '--singleThreaded'])
}
