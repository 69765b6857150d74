/**
 * Programs and threads that code of a host starts: node:child_process in all its forms, and Worker
 * of node:worker_threads, unless CommonJS took the class before the first code of a host. Addons
 * that open sockets by themselves are named.
 */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { pathToFileURL } from 'node:url'
import threads, { type WorkerOptions } from 'node:worker_threads'
import { attempt, ENETDOWN, UsageError, VnetError } from 'vnet'
import { type NativeProgram, opener, state } from './code.ts'

interface Spawning {
  spawn(...options: readonly unknown[]): unknown
}

/** Packages with addons that open sockets by themselves. */
const OWN_SOCKETS = ['udx-native', 'raw-socket', 'zeromq', 'node-rdkafka', 'pg-native', 'libpq']

/**
 * Replaces the start of programs and workers in Node: if code of a host starts them, they run on
 * the host. Call it once in a process.
 */
export function patchPrograms(): void {
  const { binding } = process as unknown as {
    binding(name: string): Spawning & { Process: { prototype: Spawning } }
  }
  patchSpawn(binding.call(process, 'process_wrap').Process.prototype)
  patchSpawn(binding.call(process, 'spawn_sync'))
  class Worker extends threads.Worker {
    constructor(file: string | URL, options: WorkerOptions = {}) {
      const host = opener()?.host
      super(...(host?.worker(file, options) ?? ([file, options] as const)))
      host?.onWorker(this, typeof file === 'string' ? pathToFileURL(file) : file)
    }
  }
  const { dlopen } = process
  process.dlopen = (module: object, file: string, ...rest: never[]) => {
    const name = OWN_SOCKETS.find(each => String(file).includes(`/node_modules/${each}/`))
    if (opener()?.host !== undefined) {
      if (name !== undefined) {
        throw new UsageError(
          `${name} opens its sockets in C++, on the network of this machine: host.spawn() runs it`,
        )
      }
      state.addons.add(file)
    }
    return dlopen.call(process, module, file, ...rest)
  }
  Object.assign(threads, { Worker })
  syncBuiltinESMExports()
}

/** At the end of a lab: warns of sockets on the machine's network that addons may have opened. */
export function warnOfAddons(): void {
  if (state.addons.size === 0) return
  const known = (
    process as unknown as { _getActiveHandles(): { _handle?: { fd?: number } }[] }
  )._getActiveHandles()
  const handles = known.map(each => String(each._handle?.fd))
  const tables = ['tcp', 'tcp6', 'udp', 'udp6'].map(each =>
    readFileSync(`/proc/self/net/${each}`, 'latin1'),
  )
  const inodes = new Set(
    tables.flatMap(each => each.split('\n').map(line => `socket:[${line.trim().split(/\s+/)[9]}]`)),
  )
  const isStray = (fd: string) =>
    inodes.has(attempt(() => readlinkSync(`/proc/self/fd/${fd}`)) ?? '')
  const count = readdirSync('/proc/self/fd').filter(
    fd => !handles.includes(fd) && isStray(fd),
  ).length
  const places = [...state.addons].join(', ')
  if (count > 0) {
    console.error(
      `vnet: ${count} sockets are on the network of this machine. Has an addon opened them? ${places}`,
    )
  }
  state.addons.clear()
}

function patchSpawn(owner: Spawning): void {
  const { spawn } = owner
  const value = function (this: object, ...given: unknown[]): unknown {
    const host = opener()?.host
    if (host === undefined) return spawn.apply(this, given)
    if (host.isClosed) throw new VnetError(ENETDOWN, 'spawn', 'the lab has ended')
    if (given.length === 1) return spawn.call(this, host.program(given[0] as NativeProgram))
    // Since Node 24.
    const [file, args, cwd, envPairs, stdio, ...rest] = given
    const program = host.program({ file, args, cwd, envPairs, stdio } as NativeProgram)
    return spawn.call(
      this,
      program.file,
      program.args,
      cwd,
      program.envPairs,
      program.stdio,
      ...rest,
    )
  }
  Object.defineProperty(owner, 'spawn', { value, configurable: true, writable: true })
}
