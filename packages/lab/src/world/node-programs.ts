/**
 * Programs and threads that code of a host starts: node:child_process in all its forms, and
 * Worker of node:worker_threads, unless CommonJS took the class before the first code of a host.
 */
import { syncBuiltinESMExports } from 'node:module'
import { pathToFileURL } from 'node:url'
import threads, { type WorkerOptions } from 'node:worker_threads'
import { ENETDOWN, VnetError } from 'vnet/internal/base/errno'
import { UsageError } from 'vnet/internal/base/usage-error'
import { type NativeProgram, opener } from './code.ts'

interface Spawning {
  spawn(...options: readonly unknown[]): unknown
}

/** Packages with addons that open sockets by themselves. */
const OWN_SOCKETS = ['udx-native', 'raw-socket', 'zeromq', 'node-rdkafka', 'pg-native', 'libpq']

export function patchPrograms(): void {
  const { binding } = process as unknown as { binding(name: string): Spawning & { Process: { prototype: Spawning } } }
  patchSpawn(binding.call(process, 'process_wrap').Process.prototype)
  patchSpawn(binding.call(process, 'spawn_sync'))
  class HostWorker extends threads.Worker {
    constructor(file: string | URL, options: WorkerOptions = {}) {
      const host = opener()?.host
      super(...(host?.worker(file, options) ?? ([file, options] as const)))
      host?.onWorker(this, typeof file === 'string' ? pathToFileURL(file) : file)
    }
  }
  Object.defineProperty(HostWorker, 'name', { value: 'Worker' })
  const { dlopen } = process
  process.dlopen = (module: object, file: string, ...rest: never[]) => {
    const name = OWN_SOCKETS.find(each => String(file).includes(`/node_modules/${each}/`))
    if (name !== undefined && opener() !== undefined)
      throw new UsageError(`${name} opens its sockets in C++, on the network of this machine: host.spawn() runs it`)
    return dlopen.call(process, module, file, ...rest)
  }
  Object.assign(threads, { Worker: HostWorker })
  syncBuiltinESMExports()
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
    return spawn.call(this, program.file, program.args, cwd, program.envPairs, program.stdio, ...rest)
  }
  Object.defineProperty(owner, 'spawn', { value, configurable: true, writable: true })
}
