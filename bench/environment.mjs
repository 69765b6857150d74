/** The requirements of the benchmark, and the description of the machine. */
import { accessSync, constants, readFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { allowedCpus, whyNoFifo } from './cpu.mjs'
import { run } from './processes.mjs'

const TOOLS = {
  make: 'make',
  cc: 'gcc',
  ip: 'iproute2',
  ping: 'iputils-ping',
  iperf3: 'iperf3',
  taskset: 'util-linux',
  chrt: 'util-linux',
  setpriv: 'util-linux',
}

/** Returns whether a program of this name is in PATH. */
export function hasTool(name) {
  return (process.env.PATH ?? '').split(path.delimiter).some(directory => {
    try {
      accessSync(path.join(directory, name), constants.X_OK)
      return true
    } catch {
      return false
    }
  })
}

/** Returns why the benchmark cannot run, or undefined. `needsRoot`: it makes network namespaces. */
export function obstacle(needsRoot) {
  const missing = Object.keys(TOOLS).filter(tool => !hasTool(tool))
  if (needsRoot && process.getuid() !== 0) {
    return 'the benchmark makes network namespaces: run it as root'
  }
  if (missing.length === 0) return undefined
  const packages = new Set(missing.map(tool => TOOLS[tool]))
  return `missing: ${missing.join(', ')}; install with: apt-get install ${[...packages].join(' ')}`
}

export function environment() {
  return {
    ...machine(),
    iperf3: run('iperf3', '--version').split('\n', 1)[0],
    rtRuntimeUs: Number(readFileSync('/proc/sys/kernel/sched_rt_runtime_us', 'utf8')),
    noFifo: whyNoFifo(),
  }
}

/** Returns what does not depend on the tools of the benchmark. */
export function machine() {
  return {
    time: new Date().toISOString(),
    kernel: os.release(),
    machine: os.machine(),
    cpu: os.cpus()[0]?.model,
    cpus: allowedCpus().length,
    node: process.version,
    load: os.loadavg(),
  }
}
