/**
 * CPU time from /proc, in seconds, and the CPUs that a process may run on. The CPU time of other
 * processes during a measurement shows whether the measurement is reliable.
 */
import { spawnSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { run } from './processes.mjs'

/** The policy and the priority of latency under SCHED_FIFO, for chrt(1). */
export const FIFO = ['-f', '10']

/** /proc shows times in USER_HZ, which is 100 on every architecture Node runs on. */
const TICKS = 100
const PF_KTHREAD = 0x200000

const [, ALLOWED] = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))

/** Returns the CPUs that this process could use when it started, ascending. */
export function allowedCpus() {
  return ALLOWED.split(',').flatMap(range => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/** Moves every thread of this process, but none of its children, to the given CPUs. */
export function moveTo(cpus) {
  run('taskset', '-a', '-c', '-p', cpus.join(','), String(process.pid))
}

/** Moves every thread of a process and of its descendants to the given CPUs. */
export function pin(pid, cpus) {
  for (const member of family(pid, processTable())) {
    run('taskset', '-a', '-c', '-p', cpus.join(','), String(member))
  }
}

/**
 * Returns why programs may not run under SCHED_FIFO, or undefined if they may.
 * @param {string[]} chrt the command line of chrt(1), for tests
 */
export function whyNoFifo(chrt = ['chrt']) {
  const [program, ...words] = chrt
  const args = [...words, ...FIFO, 'true']
  const { status, stderr, error } = spawnSync(program, args, { encoding: 'utf8' })
  return status === 0 ? undefined : `${error?.message ?? stderr.trim()} (CAP_SYS_NICE)`
}

/**
 * Gives all threads of a process and of its descendants SCHED_FIFO, or the usual policy. V8's
 * helpers need it too: beside an event loop that has it they would get no CPU time.
 */
export function setFifo(pid, isOn) {
  const [flag, priority] = isOn ? FIFO : ['-o', '0']
  for (const member of family(pid, processTable())) {
    run('chrt', '-a', flag, '-p', priority, String(member))
  }
}

/** Returns the peak resident memory of a process and its descendants, in MiB. */
export function peakRss(pid) {
  let kib = 0
  for (const member of family(pid, processTable())) {
    kib += Number(
      /^VmHWM:\s*(\d+) kB$/m.exec(readFileSync(`/proc/${member}/status`, 'utf8'))?.[1] ?? 0,
    )
  }
  return kib / 1024
}

/**
 * Starts counting. Returns a function that returns the CPU time used since then. `pid` is the
 * candidate, if any.
 */
export function countCpu(pid) {
  const before = snapshot(pid)
  return () => {
    const after = snapshot(pid)
    const seconds = after.time - before.time
    return {
      seconds,
      candidate: after.candidate - before.candidate,
      foreignCores: foreignUse(before.foreign, after.foreign) / seconds,
      stolenCores: (after.stolen - before.stolen) / seconds,
    }
  }
}

function snapshot(pid) {
  const table = processTable()
  const ours = family(process.pid, table)
  const candidate = pid === undefined ? 0 : cpuOf(pid, table)
  // Kernel threads carry the traffic, so only programs are foreign.
  const foreign = new Map([...table].filter(([other, entry]) => !ours.has(other) && !entry.kernel))
  const stolen =
    Number(readFileSync('/proc/stat', 'utf8').split('\n', 1)[0].trim().split(/\s+/)[8]) / TICKS
  return { candidate, foreign, stolen, time: performance.now() / 1000 }
}

/** Returns the CPU time of a process and its descendants so far. */
export function cpuOf(pid, table = processTable()) {
  let seconds = 0
  for (const member of family(pid, table)) {
    seconds += onCpu(member) ?? table.get(member).own
  }
  return seconds
}

/**
 * Returns the CPU time of the threads of a process so far, with a resolution of 1 ns; undefined if
 * the kernel does not keep it or the process has ended.
 */
function onCpu(pid) {
  try {
    let ns = 0
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      ns += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ', 1)[0])
    }
    return ns / 1e9
  } catch {
    return undefined
  }
}

/**
 * Returns the CPU time that foreign programs used in between. A process that started and ended
 * appears in its parent's total for children. If its parent never waited for it, its time is lost
 * from the total, so the growth of the running processes is the lower bound.
 */
function foreignUse(before, after) {
  let total = 0
  let grown = 0
  for (const { own, children } of before.values()) {
    total -= own + children
  }
  for (const [pid, { own, children }] of after) {
    total += own + children
    grown += own - (before.get(pid)?.own ?? 0)
  }
  return Math.max(total, grown, 0)
}

/** Returns the CPU time of the children of this process that have ended, and of theirs. */
export const cpuOfChildren = () => statOf('self').children

function processTable() {
  const table = new Map()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      table.set(Number(name), statOf(name))
    } catch {
      // It has ended.
    }
  }
  return table
}

/** Throws if the process has ended. */
function statOf(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // proc(5): after the name in parentheses come state, ppid, ... flags, ... utime, stime, cutime,
  // cstime
  const field = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number)
  return {
    parent: field[1],
    kernel: (field[6] & PF_KTHREAD) !== 0,
    own: (field[11] + field[12]) / TICKS,
    children: (field[13] + field[14]) / TICKS,
  }
}

/** Returns a process in the table and all its descendants. */
function family(root, table) {
  const members = new Set(table.has(root) ? [root] : [])
  for (let size = -1; size !== members.size; ) {
    size = members.size
    for (const [pid, { parent }] of table) {
      if (members.has(parent)) {
        members.add(pid)
      }
    }
  }
  return members
}
