/**
 * The three steps of a set-up, in order, each with what it is made from and how it is made. A stamp lies in the
 * directory whose loss makes its step due, or in node_modules where the installed tools are an input too.
 */

import { existsSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { npm, run, tool } from './command.mjs'
import { digest, filesUnder } from './stamp.mjs'

/** The steps for the tree that is the working directory: `{ stamp, outputs(), inputs(), make() }` each. */
export const steps = [
  {
    // The architecture, because npm installs only the binaries for this one; not Node's version: all of them are Node-API.
    stamp: 'node_modules/.vnet-dependencies',
    inputs: () => digest(['package-lock.json'], [...dependencies(), process.arch]),
    outputs: () => [],
    // What npm was asked on its own command line (`npm pack --dry-run`, `--omit=dev`) reaches this one by the
    // environment and must not count here. Install scripts are not run: no dependency needs its own.
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
  {
    // Not Node's version: the addon is Node-API, one build serves every major.
    stamp: 'build/.vnet-addon',
    native: true,
    inputs: () => digest(['binding.gyp', ...filesUnder('native')], [lockedVersion('node-addon-api'), process.arch]),
    outputs: () => ['vnet.node', 'vnet-launch', 'vnet-rootless'].map(name => `build/Release/${name}`),
    make: () => run('building the addon', [...tool('node-gyp'), 'configure', 'build', ...nodeHeaders()]),
  },
  {
    // In node_modules: a new compiler is a reason to compile, and dist is what gets packed.
    stamp: 'node_modules/.vnet-dist',
    inputs: () => digest(['tsconfig.json', ...filesUnder('src')]),
    outputs: () => filesUnder('src').filter(isSource).map(compiled),
    make: compile,
  },
]

const dependencies = () => {
  const { dependencies, devDependencies, optionalDependencies, overrides } = readJson('package.json')
  return [dependencies, devDependencies, optionalDependencies, overrides]
}

const lockedVersion = name => readJson('package-lock.json').packages?.[`node_modules/${name}`]?.version

const readJson = file => JSON.parse(readFileSync(file, 'utf8'))

/** node-gyp downloads Node's headers unless it is told where they are; most installations bring them along. */
export function nodeHeaders() {
  const prefix = resolve(dirname(process.execPath), '..')
  return existsSync(join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
}

const isSource = file => /(?<!\.d)\.ts$/.test(file)

const compiled = source => join('dist', relative('src', source)).replace(/ts$/, 'js')

/** Compiles beside dist and changes places, so that nothing stale stays and a running program sees no half of it. */
async function compile() {
  rmSync('dist.new', { recursive: true, force: true })
  try {
    await run('compiling', [...tool('tsc'), '-p', '.', '--outDir', 'dist.new', '--noEmitOnError'])
    rmSync('dist', { recursive: true, force: true })
    renameSync('dist.new', 'dist')
  } finally {
    rmSync('dist.new', { recursive: true, force: true })
  }
}
