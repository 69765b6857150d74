/**
 * node install.mjs BIN_DIRECTORY CONF_DIRECTORY [--check | --uninstall]: puts the CNI plugin into a
 * host, and into the list of plugins that its runtime uses: the first *.conflist by name. Run
 * again, it changes nothing. With --check it fails unless the runtime uses the plugin. With
 * --uninstall it takes the plugin out of all lists, and then out of the host.
 */
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const TYPE = 'vnet-cni'
const ENTRY = { type: TYPE, capabilities: { 'io.kubernetes.cri.pod-annotations': true } }
const ACTIONS = { undefined: install, '--check': check, '--uninstall': uninstall }

const [bin, conf, option, ...others] = process.argv.slice(2)
const action = Object.hasOwn(ACTIONS, option) ? ACTIONS[option] : undefined
if (conf === undefined || action === undefined || others.length > 0) {
  console.error('usage: install.mjs BIN_DIRECTORY CONF_DIRECTORY [--check | --uninstall]')
  process.exitCode = 2
} else {
  try {
    action(bin, conf)
  } catch (error) {
    console.error(`install.mjs: ${error.message}`)
    process.exitCode = 1
  }
}

function install(bin, conf) {
  const { name, list } = used(conf)
  // The runtime must find the program that the list names.
  replace(join(bin, TYPE), 0o755, path => copyFileSync(program(), path))
  if (!hasPlugin(list)) {
    write(join(conf, name), { ...list, plugins: [...list.plugins, ENTRY] })
  }
  console.log(`${TYPE} is in ${name}`)
}

function check(bin, conf) {
  const { name, list } = used(conf)
  if (!hasPlugin(list)) {
    throw new Error(`${name} does not name ${TYPE}: restart the pod of vnet node, which adds it`)
  }
  if (!existsSync(join(bin, TYPE))) {
    throw new Error(`${join(bin, TYPE)} is missing: restart the pod of vnet node`)
  }
}

function uninstall(bin, conf) {
  for (const name of listed(conf).filter(name => name.endsWith('.conflist'))) {
    const text = readFileSync(join(conf, name), 'utf8')
    if (!text.includes(TYPE)) continue
    const list = parse(name, text)
    write(join(conf, name), { ...list, plugins: list.plugins.filter(({ type }) => type !== TYPE) })
  }
  rmSync(join(bin, TYPE), { force: true })
  console.log(`${TYPE} is in no list`)
}

/** Returns the list that the runtime uses. Throws if the plugin does not work in it. */
function used(conf) {
  const [name] = listed(conf)
  if (name === undefined) {
    throw new Error(`${conf} has no network yet: install the one of the cluster first`)
  }
  const list = parse(name, readFileSync(join(conf, name), 'utf8'))
  if ([list, ...(list.plugins ?? [])].some(({ type }) => /^multus/.test(type))) {
    throw new Error(
      `${name} is of Multus, which does not give annotations to the networks below it: vnet cannot use it`,
    )
  }
  if (!name.endsWith('.conflist')) {
    throw new Error(`${name} is one plugin: vnet-cni goes into a list, *.conflist`)
  }
  if (!Array.isArray(list.plugins)) throw new Error(`${name} has no plugins`)
  checkVersions(name, list)
  return { name, list }
}

/** Throws if the runtime may choose a version that the plugin refuses: then no pod would start. */
function checkVersions(name, { cniVersion = '', cniVersions = [] }) {
  const known = knownVersions()
  const unknown = [cniVersion, cniVersions]
    .flat()
    .find(version => version !== '' && !known.includes(version))
  if (unknown === undefined) return
  const range = `${known[0]} to ${known.at(-1)}`
  throw new Error(
    `${name} has cniVersion ${JSON.stringify(unknown)}: vnet-cni knows ${range}, and its pods would not start`,
  )
}

/** Asks the plugin itself. */
function knownVersions() {
  const env = { ...process.env, CNI_COMMAND: 'VERSION' }
  const { status, stdout, error } = spawnSync(program(), { env, input: '{}', encoding: 'utf8' })
  if (status !== 0) {
    throw new Error(`${program()} does not run here: ${error?.message ?? `status ${status}`}`)
  }
  return JSON.parse(stdout).supportedVersions
}

function hasPlugin({ plugins }) {
  return plugins.some(({ type }) => type === TYPE)
}

function parse(name, text) {
  try {
    return Object(JSON.parse(text))
  } catch (error) {
    throw new Error(`${name} is not JSON: ${error.message}`)
  }
}

/** The configurations, in the order in which a runtime looks for its own. */
function listed(conf) {
  return readdirSync(conf)
    .filter(name => /\.(conflist|conf|json)$/.test(name))
    .sort()
}

function write(file, list) {
  replace(file, statSync(file).mode & 0o777, path =>
    writeFileSync(path, `${JSON.stringify(list, undefined, 2)}\n`),
  )
}

/** Others see the old file or the new one. A runtime ignores the name in between. */
function replace(file, mode, make) {
  const path = `${file}.vnet-new`
  make(path)
  chmodSync(path, mode)
  renameSync(path, file)
}

/** The plugin of a clone or of a package. */
function program() {
  const root = new URL('../../', import.meta.url)
  const paths = [`build/Release/${TYPE}`, `prebuilds/linux-${process.arch}/${TYPE}`].map(path =>
    fileURLToPath(new URL(path, root)),
  )
  const found = paths.find(path => existsSync(path))
  if (found === undefined) throw new Error(`${TYPE} is not built: node scripts/setup.mjs`)
  return found
}
