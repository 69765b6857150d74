/**
 * Whether the kernel tests can run here: they make network namespaces and TAP interfaces, and start
 * programs.
 */

import { accessSync, constants, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join, sep } from 'node:path'

/** The folders with tests in memory, which run on every system. */
export const IN_MEMORY = [
  ...['base', 'bed', 'capture', 'drivers', 'netdev', 'netlink', 'packet', 'skb', 'wire'].map(
    name => `test/${name}/`,
  ),
  ...['machines', 'port', 'switch'].map(name => `packages/lan/test/${name}/`),
  'packages/lab/test/memory/',
]

/** Whether a test can run on this system. Others need the kernel of Linux, or a program of it. */
export const runsHere = name =>
  process.platform === 'linux' || IN_MEMORY.some(folder => name.startsWith(folder))

/**
 * Returns why all kernel tests (test/kernel) are skipped on this machine, or undefined if they run.
 */
export function reasonToSkipKernelTests() {
  const { platform } = process
  if (platform !== 'linux') {
    return `this is ${platform}, where only the tests in memory run: ${IN_MEMORY.join(', ')}`
  }
  if (process.getuid() !== 0) return 'not root: sudo npm test runs them'
  try {
    accessSync('/dev/net/tun', constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return `/dev/net/tun: ${error.code}: modprobe tun, or give the container --device /dev/net/tun`
  }
}

/** Returns the folders with tests: `test`, `packages/lan/test` ... */
export function testFolders(root) {
  const packages = join(root, 'packages')
  const names = existsSync(packages)
    ? readdirSync(packages).map(name => `packages/${name}/test`)
    : []
  return ['test', ...names.filter(folder => existsSync(join(root, folder)))]
}

/** Returns the files below these folders: `test/kernel/a.test.ts`. */
export function testFiles(root) {
  return testFolders(root).flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true }).map(
      name => `${folder}/${name.replaceAll(sep, '/')}`,
    ),
  )
}

/** Where a test is in test/, or in the test/ of its package: `test/kernel/a.test.ts`. */
export const placeOf = name => name.replace(/^packages\/[^/]+\//, '')

/**
 * Returns a function that returns whether a test file, or a support file that it names,
 * even through others, contains the name of a tool.
 */
export function toolUse(root) {
  const support = testFolders(root)
    .map(folder => join(root, folder, 'support'))
    .filter(existsSync)
    .flatMap(folder => readdirSync(folder, { recursive: true, withFileTypes: true }))
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
  const texts = new Map()
  const text = path => texts.get(path) ?? texts.set(path, readFileSync(path, 'utf8')).get(path)
  return (file, tool) => {
    const word = new RegExp(`(?<![\\w-])${tool}(?![\\w-])`)
    const seen = new Set([join(root, file)])
    for (const path of seen) {
      if (word.test(text(path))) return true
      for (const other of support) {
        if (text(path).includes(basename(other))) {
          seen.add(other)
        }
      }
    }
    return false
  }
}
