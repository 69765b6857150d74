/** Code that makes a process look as if it ran on another operating system. */

/**
 * Returns the option of Node that loads it. No addon loads, and /proc, /sys, /dev and /run look
 * empty. Windows has no users by number.
 */
export function asOn(platform: 'darwin' | 'win32'): string {
  return `--import=data:text/javascript,${encodeURIComponent(pretend(platform))}`
}

const pretend = (platform: string) => `
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
Object.defineProperty(process, 'platform', { value: '${platform}' })
// Like a program that is started without options.
process.execArgv.length = 0
if (process.platform === 'win32') {
  for (const name of Object.keys(process)) if (/^[gs]ete?[ug]id$|^[gs]etgroups$/.test(name)) delete process[name]
}
process.dlopen = (_, file) => {
  throw new Error('loads ' + file)
}
const LINUX = /^\\/(proc|sys|dev|run)(\\/|$)/
for (const name of ['openSync', 'readFileSync', 'readdirSync', 'readlinkSync', 'statSync', 'lstatSync']) {
  const call = fs[name]
  fs[name] = (path, ...rest) => {
    if (!LINUX.test(String(path))) return call(path, ...rest)
    if (rest[0]?.throwIfNoEntry === false) return undefined
    throw Object.assign(new Error('ENOENT: ' + name + ' ' + path), { code: 'ENOENT', errno: -2 })
  }
}
syncBuiltinESMExports()
`
