/** vnet's hints to the garbage collector: frames wait while it runs. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../../../dist/vnet.js', import.meta.url))

/** Starts the program with arguments of its own, and returns the options that it gives V8. */
const PRELOADED = `
  const v8 = require('node:v8')
  const set = v8.setFlagsFromString
  v8.setFlagsFromString = flags => { console.log(flags); set(flags) }
  require('node:module').syncBuiltinESMExports()
`

test('young objects are collected without helper threads, which may get no CPU', () => {
  const preload = `data:text/javascript,${encodeURIComponent(`import { createRequire } from 'node:module'
    const require = createRequire('/'); ${PRELOADED}`)}`
  const output = execFileSync(process.execPath, ['--import', preload, PROGRAM, '--help'], {
    encoding: 'utf8',
  })
  expect(output.split('\n')[0]).toBe('--no-parallel-scavenge')
})
