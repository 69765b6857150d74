/**
 * Runs the program under test in this process, where coverage sees it, or as a child. Every program
 * of a test is ended after the test, even if the test failed.
 */
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { main } from '#src/cli/main.ts'
import type { End, Io } from '#src/cli/process/io.ts'
import type { DeviceStatistics } from '#src/cli/statistics.ts'
import type { StageReport } from '#src/netdev/device-wire.ts'
import { afterEachTest } from './after-each.ts'

/** How a run ended. */
export interface Ended {
  /** The exit status; 128 plus the number of the signal if a signal ended a child. */
  readonly status: number
  readonly stdout: string
  readonly stderr: string
}

/** An interface in the `ready` line of `--json`. */
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
  /** The process id of the child or of this process. */
  readonly pid: number
  /** The output so far. */
  readonly stdout: string
  readonly stderr: string
  /** Settles when the program has ended. */
  readonly ended: Promise<Ended>
  /** Returns the interfaces of its `ready` line; only with `--json`. */
  interfaces(): ReadyInterface[]
  /**
   * Returns the `nth` line of either output that matches, by default the first. Rejects if the
   * program ends without it.
   */
  line(pattern: RegExp, nth?: number): Promise<string>
  /** Sends SIGHUP: it reads its configuration again, or ends. */
  hangUp(): void
  /** Sends a signal and waits for the end. Harmless if it has ended already. */
  stop(signal?: NodeJS.Signals): Promise<Ended>
}

/** The path of the program under test. */
export const PROGRAM = fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))

/** The program with a short limit for lockups. */
export const LOCKUP_PROGRAM = fileURLToPath(new URL('lockup-program.mjs', import.meta.url))

const READY = /^ready$|^\{"event":"ready"/

/** Running programs; programs that a test leaves running are ended after it. */
const running = new Set<Running>()
afterEachTest(stopRunning)

/** Ends programs of this test before the hooks that were added earlier run. */
export async function stopRunning(): Promise<void> {
  const stop = async (vnet: Running) => {
    // After a failed test a driver may loop for ever.
    const kill = setTimeout(() => vnet.stop('SIGKILL'), 20_000)
    await vnet.stop()
    clearTimeout(kill)
  }
  await Promise.all([...running].map(stop))
}

/**
 * Starts `vnet ARGS` in this process and waits for `ready`. Rejects, with its output, if it ends
 * first.
 */
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
    if (signal === 'SIGHUP' && reloads.size > 0) {
      for (const fn of [...reloads]) {
        fn()
      }
    } else {
      for (const fn of [...listeners]) {
        fn({ signal })
      }
    }
  })
}

/** Like startVnet, as a child: `WITHIN node NODE_ARGS dist/vnet.js ARGS`. */
export async function spawnVnet(
  args: readonly string[],
  { nodeArgs = [], within = [], env = {}, program = PROGRAM, until = READY }: SpawnOptions = {},
): Promise<Running> {
  const output = new Output()
  const [command, ...rest] = [...within, process.execPath, ...nodeArgs, program, ...args] as [
    string,
    ...string[],
  ]
  const child = spawn(command, rest, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  })
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', text => output.write(stream, text))
  }
  const status = new Promise<number>((resolve, reject) => {
    child
      .on('error', reject)
      .on('close', (code, signal: NodeJS.Signals) =>
        resolve(code ?? 128 + constants.signals[signal]),
      )
  })
  return await readyOrEnded(output, status, child.pid ?? 0, signal => child.kill(signal), until)
}

export interface SpawnOptions {
  readonly nodeArgs?: readonly string[]
  readonly within?: readonly string[]
  readonly env?: NodeJS.ProcessEnv
  /** Another path of the program. */
  readonly program?: string
  /** The line that is waited for, by default `ready`. */
  readonly until?: RegExp
}

/** Removes the advice about vnets of other users, which other tests may have started. */
export function withoutOtherUsers(stderr: string): string {
  return stderr.replaceAll(/; user \d+ has some: vnet list --user \d+/g, '')
}

/** Returns the final statistics of a run with `--json`, by interface. */
export function finalStatistics({ stdout }: Ended): Record<string, DeviceStatistics> {
  const found = jsonLines(stdout).find(({ event }) => event === 'statistics')
  if (found === undefined) throw new Error(`no statistics in:\n${stdout}`)
  return Object.fromEntries(
    (found.interfaces as DeviceStatistics[]).map(stats => [stats.name, stats]),
  )
}

/** Returns what the stages of the wires counted, from the final statistics of a `--json` run. */
export function finalWires({ stdout }: Ended): readonly StageReport[] {
  return (jsonLines(stdout).find(({ event }) => event === 'statistics')?.wires ??
    []) as StageReport[]
}

/**
 * Ends a run with `--json`, checks that it succeeded and that no frame was lost uncounted, neither
 * by a device nor by a stage of a wire, and returns its statistics by interface.
 */
export async function stopConserved(vnet: Running): Promise<Record<string, DeviceStatistics>> {
  const ended = await vnet.stop()
  expect(ended).toMatchObject({ status: 0, stderr: '' })
  // A frame that was neither handed on nor freed is an error line.
  expect(jsonLines(ended.stdout).filter(({ level }) => level === 'error')).toEqual([])
  expectStagesConserved(ended)
  const statistics = finalStatistics(ended)
  expectConserved(Object.values(statistics))
  return statistics
}

/** Checks that no stage of a wire lost a packet uncounted, and returns what the stages counted. */
export function expectStagesConserved(ended: Ended): readonly StageReport[] {
  const stages = finalWires(ended)
  for (const stage of stages) {
    const { in: entered, out, held, dropped, duplicated } = stage
    expect({ ...stage, sum: out + held + dropped }).toEqual({ ...stage, sum: entered + duplicated })
  }
  return stages
}

/** For test.each of tests that send frames: a name and options. */
export const BOTH_WAYS = [
  ['with offloads', []],
  ['without offloads', ['--no-offload']],
] as const

/** Checks in + made = out + merged + dropped over all interfaces; each drop has a reason. */
export function expectConserved(devices: readonly DeviceStatistics[]): void {
  const sum = (numbers: number[]) => numbers.reduce((n, more) => n + more, 0)
  const reasons = devices.flatMap(({ drops }) => [
    ...Object.values(drops.tx),
    ...Object.values(drops.rx),
  ])
  const received = sum(devices.map(({ total }) => total.rxPackets + total.groMerged))
  expect(received + sum(reasons)).toBe(
    sum(devices.map(({ total }) => total.txPackets + total.made)),
  )
}

/** Parses every complete line. */
export function jsonLines(text: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line))
}

/** The two output streams, and the callers that wait for a line. */
class Output {
  readonly text = { stdout: '', stderr: '' }
  readonly #waiting = new Set<() => void>()

  write(stream: 'stdout' | 'stderr', text: string): void {
    this.text[stream] += text
    for (const look of [...this.#waiting]) {
      look()
    }
  }

  /** Returns the `nth` complete line that matches. Rejects if `end` settles first. */
  line(pattern: RegExp, end: Promise<unknown>, nth = 1): Promise<string> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const { stdout, stderr } = this.text
        const matching = [...wholeLines(stdout), ...wholeLines(stderr)].filter(line =>
          pattern.test(line),
        )
        const found = matching[nth - 1]
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
      if (!look()) {
        end.then(() => failed(), failed)
      }
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
  until = READY,
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
    line: (pattern, nth) => output.line(pattern, ended, nth),
    hangUp: () => end('SIGHUP'),
    stop(signal = 'SIGTERM') {
      end(signal)
      return ended
    },
  }
  running.add(vnet)
  const forget = () => running.delete(vnet)
  ended.then(forget, forget)
  await vnet.line(until)
  return vnet
}
