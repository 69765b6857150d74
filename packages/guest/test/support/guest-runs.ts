/** Runs of `vnet guest` in directories of their own, by qemu-system-x86_64 and mksquashfs. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, symlinkSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Ended, PROGRAM } from '#support/vnet-process.ts'
import { cachedKernel } from '../../src/kernel.ts'

export const CACHE = fileURLToPath(
  new URL('../../../../node_modules/.cache/vnet-tests', import.meta.url),
)

/**
 * Makes a directory a cache that has only the kernel, which set-up has downloaded. By default it is
 * the cache of these tests, which keeps snapshots and images for the next run.
 */
export function cacheWithKernel(cache = CACHE): string {
  const kernel = join(cache, 'vnet/kernel')
  mkdirSync(join(cache, 'vnet'), { recursive: true })
  const found = cachedKernel()
  if (!existsSync(kernel) && found !== undefined) {
    symlinkSync(join(found.image, '../../..'), kernel)
  }
  return cache
}

export interface RunOptions {
  readonly cwd: string
  readonly env?: NodeJS.ProcessEnv
  /** What starts the program: `setpriv ...`. */
  readonly within?: readonly string[]
  readonly program?: string
  /** Text for its standard input, which then remains open. */
  readonly input?: string
}

/** Runs `vnet ARGS` to its end. */
export function vnet(args: readonly string[], options: RunOptions): Promise<Ended> {
  return startVnet(args, options).ended
}

/** Starts `vnet ARGS`, which is ended by the time limit of the test at the latest. */
export function startVnet(
  args: readonly string[],
  { cwd, env, within = [], program = PROGRAM, input }: RunOptions,
) {
  const [first, ...rest] = [...within, process.execPath, program, ...args] as [string, ...string[]]
  const child = spawn(first, rest, {
    cwd,
    env: { ...process.env, XDG_CACHE_HOME: cacheWithKernel(), ...env },
    stdio: 'pipe',
  })
  // It may end without reading.
  child.stdin.on('error', () => {}).write(input ?? '')
  if (input === undefined) {
    child.stdin.end()
  }
  const text = { stdout: '', stderr: '' }
  const listeners = new Set<() => void>()
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (more: string) => {
      text[stream] += more
      for (const look of listeners) {
        look()
      }
    })
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => {
      const status = code ?? 128 + constants.signals[signal as NodeJS.Signals]
      resolve({ status, ...text })
    })
  })
  return {
    pid: child.pid ?? 0,
    ended,
    kill: (signal: NodeJS.Signals) => child.kill(signal),
    /** Waits until the command has written a text. */
    printed: (wanted: string, stream: 'stdout' | 'stderr' = 'stdout') =>
      Promise.race([
        new Promise<void>(resolve => {
          const look = () => text[stream].includes(wanted) && resolve()
          listeners.add(look)
          look()
        }),
        ended.then(end => {
          throw new Error(`it has ended without ${wanted}: ${JSON.stringify(end)}`)
        }),
      ]),
  }
}

/** Runs `vnet guest OPTIONS -- sh -c SCRIPT`. */
export const shell = (
  script: string,
  options: RunOptions,
  ...args: readonly string[]
): Promise<Ended> => vnet(['guest', ...args, '--', 'sh', '-c', script], options)

/** The lines of vnet, without the report of a run, and without those about what is made once. */
export function complaints({ stderr }: Ended): string[] {
  const isNews =
    /^vnet: (.* in the guest, .* here|starting the kernel|bringing it up|the guest gets )/
  return stderr.split('\n').filter(line => line !== '' && !isNews.test(line))
}

/** The SHA-256 of a run, as its report has it. */
export function digestOf({ stderr }: Ended): string {
  return /; sha256 ([0-9a-f]{16})$/m.exec(stderr)?.[1] ?? `no digest in ${stderr}`
}
