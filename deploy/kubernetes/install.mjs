/**
 * node install.mjs BIN_DIRECTORY CONF_DIRECTORY [--uninstall]: puts the CNI plugin into a host, and
 * into the list of plugins that its runtime uses: the first *.conflist by name. Run again, it
 * changes nothing. With --uninstall it takes both out.
 */
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

const [bin, conf, option] = process.argv.slice(2)
try {
  if (bin === undefined || conf === undefined)
    throw new Error('usage: install.mjs BIN_DIRECTORY CONF_DIRECTORY [--uninstall]')
  if (option === '--uninstall') uninstall(bin, conf)
  else install(bin, conf)
} catch (error) {
  console.error(`install.mjs: ${error.message}`)
  process.exitCode = 1
}

function install(bin, conf) {
  const name = listed(conf)[0]
  if (name === undefined) throw new Error(`${conf} has no network yet: install the one of the cluster first`)
  if (!name.endsWith('.conflist')) throw new Error(`${name} is one plugin: vnet-cni goes into a list, *.conflist`)
  const file = join(conf, name)
  const list = JSON.parse(readFileSync(file, 'utf8'))
  if (!Array.isArray(list.plugins)) throw new Error(`${name} has no plugins`)
  // The runtime must find the program that the list names.
  replace(join(bin, TYPE), 0o755, path => copyFileSync(program(), path))
  if (!list.plugins.some(({ type }) => type === TYPE)) write(file, { ...list, plugins: [...list.plugins, ENTRY] })
  console.log(`${TYPE} is in ${name}`)
}

function uninstall(bin, conf) {
  for (const name of listed(conf).filter(name => name.endsWith('.conflist'))) {
    const file = join(conf, name)
    const list = JSON.parse(readFileSync(file, 'utf8'))
    const plugins = list.plugins?.filter(({ type }) => type !== TYPE)
    if (plugins !== undefined && plugins.length < list.plugins.length) write(file, { ...list, plugins })
  }
  rmSync(join(bin, TYPE), { force: true })
}

/** The configurations, in the order in which a runtime looks for its own. */
function listed(conf) {
  return readdirSync(conf)
    .filter(name => /\.(conflist|conf|json)$/.test(name))
    .sort()
}

function write(file, list) {
  replace(file, statSync(file).mode & 0o777, path => writeFileSync(path, `${JSON.stringify(list, undefined, 2)}\n`))
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
