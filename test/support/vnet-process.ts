/**
 * The program under test: in this process, where coverage sees it, or as a child. Whatever a test starts is ended after the
 * test, however that went.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { afterEach, expect } from 'vitest'
import type { End, Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { DeviceStatistics } from '../../src/cli/statistics.ts'

/** How a run ended. */
export interface Ended {
  /** Exit status; that of a child ended by a signal is 128 + its number. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** What `--json` says of an interface when it is ready. */
export interface ReadyInterface {
  readonly name: string
  readonly ifindex: number
  readonly mac: string
  readonly netns: string | null
  readonly mtu: number
  readonly txqs: number
  readonly rxqs: number
  readonly addresses: readonly string[]
  readonly offloads: readonly string[]
}

export interface Running {
  /** Of a child; this process's own for a run in it. */
  readonly pid: number
  /** What it has written so far. */
  readonly stdout: string
  readonly stderr: string
  /** Settles when it ends, by itself or asked. */
  readonly ended: Promise<Ended>
  /** The interfaces of its ready line; with `--json` only. */
  interfaces(): ReadyInterface[]
  /** Waits until a line of either output, from the beginning on, matches. Rejects when it ends without one. */
  line(pattern: RegExp): Promise<string>
  /** SIGHUP, which has it read its configuration again, or end. */
  hangUp(): void
  /** Asks it to end, by a signal, and waits for that. Harmless when it has ended. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

const PROGRAM = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))

/** Ends what a test left. */
const running = new Set<Running>()
afterEach(async () => {
  await Promise.all([...running].map(vnet => vnet.stop()))
})

/** Runs `vnet ARGS` in this process until its line `ready`. Rejects, with what it wrote, when it ends before. */
export async function startVnet(args: readonly string[]): Promise<Running> {
  const output = new Output()
  const listeners = new Set<(end: End) => void>()
  const reloads = new Set<() => void>()
  const io: Io = {
    out: text => output.write('stdout', text),
    err: text => output.write('stderr', text),
    onEnd(fn) {
      listeners.add(fn)
      return () => listeners.delete(fn)
    },
    onReload(fn) {
      reloads.add(fn)
      return () => reloads.delete(fn)
    },
  }
  const status = main(args, io)
  return await readyOrEnded(output, status, process.pid, signal => {
    if (signal === 'SIGHUP' && reloads.size > 0) for (const fn of [...reloads]) fn()
    else for (const fn of [...listeners]) fn({ signal })
  })
}

/** Runs `node NODE_ARGS dist/vnet.js ARGS` as a child until its line `ready`; `within` is a command to run it by. */
export async function spawnVnet(
  args: readonly string[],
  { nodeArgs = [], within = [], env = {}, program = PROGRAM }: SpawnOptions = {},
): Promise<Running> {
  const output = new Output()
  const [command, ...rest] = [...within, process.execPath, ...nodeArgs, program, ...args] as [string, ...string[]]
  const child = spawn(command, rest, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } })
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', text => output.write(stream, text))
  }
  const status = new Promise<number>((resolve, reject) => {
    child.on('error', reject).on('close', (code, signal) => resolve(code ?? (signal === 'SIGKILL' ? 137 : 128)))
  })
  return await readyOrEnded(output, status, child.pid ?? 0, signal => child.kill(signal))
}

export interface SpawnOptions {
  readonly nodeArgs?: readonly string[]
  readonly within?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Another path to it. */
  readonly program?: string
}

/** The statistics that a run with `--json` ended with, by interface. */
export function finalStatistics({ stdout }: Ended): Record<string, DeviceStatistics> {
  const found = jsonLines(stdout).find(({ event }) => event === 'statistics')
  if (found === undefined) throw new Error(`no statistics in:\n${stdout}`)
  return Object.fromEntries((found.interfaces as DeviceStatistics[]).map(stats => [stats.name, stats]))
}

/** Ends a run of `--json` and checks that it went well and no frame was lost uncounted. Its statistics, by interface. */
export async function stopConserved(vnet: Running): Promise<Record<string, DeviceStatistics>> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  // Among them would be frames that nobody handed on or freed.
  expect(jsonLines(ended.stdout).filter(({ level }) => level === 'error')).toEqual([])
  const statistics = finalStatistics(ended)
  expectConserved(Object.values(statistics))
  return statistics
}

/** What tests of frames run under, for test.each: a name and the options that make it so. */
export const BOTH_WAYS = [
  ['with offloads', []],
  ['without offloads', ['--no-offload']],
] as const

/** In = out + merged + dropped: the frames of all interfaces together, each drop with its reason. */
export function expectConserved(devices: readonly DeviceStatistics[]): void {
  const sum = (numbers: number[]) => numbers.reduce((n, more) => n + more, 0)
  const reasons = devices.flatMap(({ drops }) => [...Object.values(drops.tx), ...Object.values(drops.rx)])
  const received = sum(devices.map(({ total }) => total.rxPackets + total.groMerged))
  expect(received + sum(reasons)).toBe(sum(devices.map(({ total }) => total.txPackets)))
}

/** Every whole line that is an object. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line))
}

/** Two streams of lines, and who waits for one. */
class Output {
  readonly text = { stdout: '', stderr: '' }
  readonly #waiting = new Set<() => void>()

  write(stream: 'stdout' | 'stderr', text: string): void {
    this.text[stream] += text
    for (const look of [...this.#waiting]) look()
  }

  /** The first whole line that matches; rejects when `end` settles first. */
  line(pattern: RegExp, end: Promise<unknown>): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const { stdout, stderr } = this.text
        const found = [...wholeLines(stdout), ...wholeLines(stderr)].find(line => pattern.test(line))
        if (found === undefined) return false
        this.#waiting.delete(look)
        resolve(found)
        return true
      }
      const failed = (cause?: unknown) => {
        if (look()) return
        this.#waiting.delete(look)
        const { stdout, stderr } = this.text
        reject(new Error(`vnet ended without a line ${pattern}:\n${stdout}${stderr}`, { cause }))
      }
      this.#waiting.add(look)
      if (!look()) end.then(() => failed(), failed)
    })
  }
}

function wholeLines(text: string): string[] {
  return text.split('\n').slice(0, -1)
}

async function readyOrEnded(
  output: Output,
  status: Promise<number>,
  pid: number,
  end: (signal: NodeJS.Signals) => void,
): Promise<Running> {
  const ended = status.then(status => ({ status, ...output.text }))
  const vnet: Running = {
    pid,
    get stdout() {
      return output.text.stdout
    },
    get stderr() {
      return output.text.stderr
    },
    ended,
    interfaces() {
      const ready = jsonLines(output.text.stdout).find(({ event }) => event === 'ready')
      return (ready?.interfaces ?? []) as ReadyInterface[]
    },
    line: pattern => output.line(pattern, ended),
    hangUp: () => end('SIGHUP'),
    stop(signal = 'SIGTERM') {
      end(signal)
      return ended
    },
  }
  running.add(vnet)
  const forget = () => running.delete(vnet)
  ended.then(forget, forget)
  await vnet.line(/^ready$|^\{"event":"ready"/)
  return vnet
}
