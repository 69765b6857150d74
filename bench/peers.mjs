/**
 * Programs and npm packages of others that open a TAP, to compare with. An npm package is installed
 * into build/bench/peers when the benchmark runs; none is a dependency of this project. Install
 * scripts are not run; addons are compiled from their sources. Programs are not installed. A peer
 * that is not there, or cannot be compiled or opened, is left out, and one line reports why.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { hasTool } from './environment.mjs'
import { complaint } from './processes.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_GYP = `${root}node_modules/node-gyp/bin/node-gyp.js`

/**
 * `relay` is a program of this benchmark that joins two TAPs through the package's API: `relay
 * PACKAGE NS_A IF_A NS_B IF_B`.
 */
export const PEERS = [
  program('socat'),
  program('openvpn'),
  peer({
    name: 'npm-node-tuntap2-wintun',
    package: '@xiaobaidadada/node-tuntap2-wintun',
    version: '3.0.2',
    addon: 'build/Release/tuntap2Addon.node',
    relay: 'node-tuntap2-wintun.mjs',
  }),
]

/** A program of the machine, which bench/peers/NAME.sh starts. */
function program(name) {
  const script = `${root}bench/peers/${name}.sh`
  return { name, program: name, command: ({ a, b }) => ['sh', script, a.ns, a.name, b.ns, b.name] }
}

function peer(spec) {
  const directory = `${root}build/bench/peers/${spec.name}`
  const home = `${directory}/node_modules/${spec.package}`
  const relay = `${root}bench/peers/${spec.relay}`
  return {
    ...spec,
    directory,
    home,
    // It opens its TAPs in its own namespace, which must not be the machine's.
    command: ({ a, b }) => [
      'ip',
      'netns',
      'exec',
      a.ns,
      process.execPath,
      relay,
      home,
      a.ns,
      a.name,
      b.ns,
      b.name,
    ],
  }
}

/**
 * Installs a package that is missing. Throws one line if that fails, or for a program that is
 * missing. `processes` are the run's.
 */
export async function install(
  { program, package: name, version, directory, home, addon },
  processes,
) {
  if (program !== undefined) {
    if (hasTool(program)) return
    throw new Error(`not installed: apt-get install ${program}`)
  }
  if (installedVersion(home) !== version) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(path.join(directory, 'package.json'), '{ "private": true }\n')
    const npm = [
      'npm',
      'install',
      '--prefix',
      directory,
      '--no-save',
      '--no-package-lock',
      '--ignore-scripts',
    ]
    await attempt(
      processes,
      'npm install',
      [...npm, '--no-audit', '--no-fund', `${name}@${version}`],
      120,
    )
  }
  if (addon === undefined || existsSync(path.join(home, addon))) return
  const prefix = path.resolve(process.execPath, '../..')
  const headers = existsSync(path.join(prefix, 'include/node/node_api.h'))
    ? [`--nodedir=${prefix}`]
    : []
  await attempt(
    processes,
    'node-gyp',
    [process.execPath, NODE_GYP, 'rebuild', '-C', home, ...headers],
    180,
  )
}

async function attempt(processes, what, argv, seconds) {
  try {
    await processes.start(argv).output(seconds)
  } catch (error) {
    // Without the command line, which is longer than the error.
    throw new Error(`${what} ${complaint(error.message.slice(argv.join(' ').length + 1))}`)
  }
}

function installedVersion(home) {
  try {
    return JSON.parse(readFileSync(path.join(home, 'package.json'), 'utf8')).version
  } catch {
    return undefined
  }
}
