/**
 * With VNET_CPU=FILE, which `npm run bench:loop` sets, vitest loads this file before each test
 * file, and a line of JSON for it is appended to FILE: `{ file, own, children }`, in CPU seconds.
 * `own` is the time of the process with all its threads while the file ran, loading included;
 * `children` is the time of the programs which it started and which ended meanwhile.
 */
import { appendFileSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import { afterAll, expect } from 'vitest'

/** Fields of /proc/PID/stat after the name, which may hold spaces: see proc_pid_stat(5). */
const CHILDREN_USER = 13
const CHILDREN_SYSTEM = 14
/** Clock ticks a second in /proc/PID/stat (USER_HZ). */
const TICKS = 100
const MICROSECONDS = 1e6

function cpuSeconds(): { own: number; children: number } {
  const { user, system } = process.cpuUsage()
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /s, '')
    .split(' ')
  return {
    own: (user + system) / MICROSECONDS,
    children: (Number(fields[CHILDREN_USER]) + Number(fields[CHILDREN_SYSTEM])) / TICKS,
  }
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
