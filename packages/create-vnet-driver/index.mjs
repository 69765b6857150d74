#!/usr/bin/env node
/**
 * create-vnet-driver FOLDER [--vnet SPEC]: makes a project for a driver from the folder `template`.
 * The folder's name becomes the name of the package and of the driver. An error prints one line on
 * stderr; the exit status is 2 for the command line, and 1 if the system refuses a file.
 */
import { cpSync, existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'

const HELP = `Usage: create-vnet-driver FOLDER [--vnet SPEC]

make a project for a network driver of vnet in FOLDER, which is new or empty

Options:
  --vnet SPEC  the vnet that it depends on, such as file:../vnet
  -h, --help   print this
`
/** Letters of an interface's name, which has 15 bytes with its number. */
const PREFIX = 11
const here = import.meta.dirname

class UsageError extends Error {}

function parse(words) {
  try {
    const options = { vnet: { type: 'string' }, help: { type: 'boolean', short: 'h' } }
    return parseArgs({ args: words, options, allowPositionals: true })
  } catch (error) {
    throw new UsageError(error.message)
  }
}

/** Returns the path and the name of the project. Throws a UsageError if it cannot be made there. */
function place([folder, ...more]) {
  if (folder === undefined || more.length > 0) {
    throw new UsageError('name one folder: create-vnet-driver my-driver')
  }
  const path = resolve(folder)
  const name = basename(path)
  if (!/^[a-z][a-z0-9._-]{0,99}$/.test(name)) {
    throw new UsageError(
      `'${name}' is no name of a package: begin with a-z, go on with a-z, 0-9, '-', '_' or '.'`,
    )
  }
  try {
    if (existsSync(path) && readdirSync(path).length > 0) {
      throw new UsageError(`${folder} is not empty`)
    }
  } catch (error) {
    throw error.code === 'ENOTDIR' ? new UsageError(`${folder} is a file`) : error
  }
  return { path, name }
}

/** Returns what a project at `path` depends on: the clone of this package, or this version. */
function vnetFor(path) {
  const clone = resolve(here, '../..')
  const manifest = join(clone, 'package.json')
  if (existsSync(manifest) && JSON.parse(readFileSync(manifest, 'utf8')).name === 'vnet') {
    return `file:${relative(path, clone)}`
  }
  return `^${JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).version}`
}

/** Writes a file. Node's error of a full disk does not name it. */
function write(path, text) {
  try {
    writeFileSync(path, text)
  } catch (error) {
    if (error.path === undefined) {
      error.message += ` '${path}'`
    }
    throw error
  }
}

function create(words) {
  const { values, positionals } = parse(words)
  if (values.help) return HELP
  const { path, name } = place(positionals)
  cpSync(join(here, 'template'), path, { recursive: true })
  // npm packs no file of that name.
  renameSync(join(path, '_gitignore'), join(path, '.gitignore'))
  const prefix = name.replace(/[^a-z0-9]/g, '').slice(0, PREFIX)
  const texts = { __NAME__: name, __PREFIX__: prefix, __VNET__: values.vnet ?? vnetFor(path) }
  for (const file of ['package.json', 'README.md', 'src/driver.ts', 'test/driver.test.ts']) {
    const text = readFileSync(join(path, file), 'utf8')
    write(
      join(path, file),
      text.replace(/__[A-Z]+__/g, word => texts[word] ?? word),
    )
  }
  return `${name} is made. Next:\n  cd ${positionals[0]}\n  npm install\n  npm test\n  npm start\n`
}

try {
  process.stdout.write(create(process.argv.slice(2)))
} catch (error) {
  const isUsage = error instanceof UsageError
  if (!isUsage && error.syscall === undefined) throw error
  // A refusal by the system, such as of a full disk: `no space left on device, write`.
  process.stderr.write(`create-vnet-driver: ${error.message.replace(/^E[A-Z]+: /, '')}\n`)
  process.exitCode = isUsage ? 2 : 1
}
