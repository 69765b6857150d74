/**
 * With VNET_CPU=FILE, which `npm run bench:loop` sets, vitest loads this file before each test
 * file, and a line of JSON for it is appended to FILE: `{ file, own, children }`, in CPU seconds.
 * `own` is the time of the process with all its threads while the file ran, loading included;
 * `children` is the time of the programs which it started and which ended meanwhile.
 */
import { appendFileSync } from 'node:fs'
import { relative } from 'node:path'
import { afterAll, expect } from 'vitest'
import { cpuOfChildren } from '../../bench/cpu.mjs'

const MICROSECONDS = 1e6

function cpuSeconds(): { own: number; children: number } {
  const { user, system } = process.cpuUsage()
  return { own: (user + system) / MICROSECONDS, children: cpuOfChildren() }
}

const before = cpuSeconds()

afterAll(() => {
  const { own, children } = cpuSeconds()
  const line = {
    file: relative('.', expect.getState().testPath ?? ''),
    own: own - before.own,
    children: children - before.children,
  }
  appendFileSync(process.env.VNET_CPU as string, `${JSON.stringify(line)}\n`)
})
