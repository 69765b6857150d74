/**
 * npm packages that open a TAP, to compare with. Each is installed into build/bench/peers when the
 * benchmark runs; none is a dependency of this project. Install scripts are not run; addons are
 * compiled from their sources. A package that cannot be installed, compiled or opened is left out,
 * and one line reports why.
 */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { complaint } from './processes.mjs'

const root = fileURLToPath(new URL('..', import.meta.url))
const NODE_GYP = `${root}node_modules/node-gyp/bin/node-gyp.js`

/**
 * `relay` is a program of this benchmark that joins two TAPs through the package's API: `relay
 * PACKAGE NS_A IF_A NS_B IF_B`.
 */
export const PEERS = [
  peer({
    name: 'npm-node-tuntap2-wintun',
    package: '@xiaobaidadada/node-tuntap2-wintun',
    version: '3.0.2',
    addon: 'build/Release/tuntap2Addon.node',
    relay: 'node-tuntap2-wintun.mjs',
  }),
]

function peer(spec) {
  const directory = `${root}build/bench/peers/${spec.name}`
  const home = `${directory}/node_modules/${spec.package}`
  const relay = `${root}bench/peers/${spec.relay}`
  return {
    ...spec,
    directory,
    home,
    // It opens its TAPs in its own namespace, which must not be the machine's.
    command: ({ a, b }) => ['ip', 'netns', 'exec', a.ns, process.execPath, relay, home, a.ns, a.name, b.ns, b.name],
  }
}

/**
 * Installs the packages that are missing. Throws one line if that fails. `processes` are the run's.
 */
export async function install({ package: name, version, directory, home, addon }, processes) {
  if (installedVersion(home) !== version) {
    mkdirSync(directory, { recursive: true })
    writeFileSync(path.join(directory, 'package.json'), '{ "private": true }\n')
    const npm = ['npm', 'install', '--prefix', directory, '--no-save', '--no-package-lock', '--ignore-scripts']
    await attempt(processes, 'npm install', [...npm, '--no-audit', '--no-fund', `${name}@${version}`], 120)
  }
  if (addon === undefined || existsSync(path.join(home, addon))) return
  const prefix = path.resolve(process.execPath, '../..')
  const headers = existsSync(path.join(prefix, 'include/node/node_api.h')) ? [`--nodedir=${prefix}`] : []
  await attempt(processes, 'node-gyp', [process.execPath, NODE_GYP, 'rebuild', '-C', home, ...headers], 180)
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
