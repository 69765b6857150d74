/**
 * vitest loads this file before each test file. It calls the functions of after-each.ts, fails a
 * file that leaves something that polls, and sets two things for the programs that the file starts,
 * by itself or through the code under test.
 *
 * Their labs are in a directory of this process: commands of other tests would list them. And they
 * have a time limit: another program of the same name may never end. A program past its limit is
 * killed, and the error names it.
 *
 * A call that blocks this process has a limit of its own, because vitest cannot end it. Other
 * programs have the limit of the test that started them, less the time to report them.
 */
import childProcess, { type ChildProcess } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest'
import { testEnded } from './after-each.ts'

/** Milliseconds that a blocking call may take. */
const LIMIT_MS = process.env.VNET_LONG === '1' ? 600_000 : 50_000
/** The part of the time limit of a test after which its programs are killed. */
const PART_OF_TEST = 0.9

/** Programs that are running, each as it was started. */
const RUNNING = Symbol.for('vnet.test.running-programs')
/** Bytes of frame memory that the last collection left, and those made since it was looked at. */
const FRAME_MEMORY_LEFT = Symbol.for('vnet.test.frame-memory-left')
const FRAME_MEMORY_MADE = Symbol.for('vnet.test.frame-memory-made')
/** The state that the test files of one process share. */
const shared = globalThis as {
  [RUNNING]?: Map<ChildProcess, string>
  [FRAME_MEMORY_LEFT]?: number
  [FRAME_MEMORY_MADE]?: number
}

/** Tests that replace the clock do not move this one. */
const { clearTimeout, setImmediate, setTimeout } = globalThis

/** Turns of the event loop after which a file must not poll any more. */
const LAST_TURNS = 200

const stillRunning = (command: string, ms: number, printed = '') =>
  new Error(`${command}: still running after ${ms / 1000} s, killed${printed}`)

/** Returns what a program had printed, for an error that says where it hung. */
function printedBy(ended: unknown): string {
  const { stdout, stderr } = (ended ?? {}) as { stdout?: unknown; stderr?: unknown }
  const texts = [stdout, stderr].filter(Boolean).map(text => `\n${text}`)
  return texts.length === 0 ? '' : `; so far:${texts.join('')}`
}

type Words = readonly [file: string, ...rest: unknown[]]

/** Returns the command line of a call that starts a program. */
const commandOf = ([file, args]: Words) => [file, ...(Array.isArray(args) ? args : [])].join(' ')

/** Returns `call` with a limit in ms, past which it throws. Its options may set another limit. */
export function withLimit<R>(call: (...words: Words) => R, ms: number): (...words: Words) => R {
  return (...words) => {
    const isOptions = (word: unknown, i: number) =>
      i > 0 && typeof word === 'object' && word !== null && !Array.isArray(word)
    const at = words.findIndex(isOptions)
    const options = { timeout: ms, killSignal: 'SIGKILL', ...(at < 0 ? {} : (words[at] as object)) }
    const check = (error: unknown, ended: unknown) => {
      const isLate = (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT'
      if (isLate) throw stillRunning(commandOf(words), options.timeout, printedBy(ended))
    }
    try {
      const result = call(
        ...((at < 0 ? [...words, options] : words.with(at, options)) as unknown as Words),
      )
      check((result as { error?: unknown } | null)?.error, result)
      return result
    } catch (error) {
      check(error, error)
      throw error
    }
  }
}

/** Kills all running programs except `others`, and makes each report an error. */
export function killPrograms(others: ReadonlySet<ChildProcess>, ms: number): void {
  for (const [child, command] of runningPrograms()) {
    if (others.has(child)) continue
    child.kill('SIGKILL')
    child.emit('error', stillRunning(command, ms))
  }
}

export const runningPrograms = (): ReadonlyMap<ChildProcess, string> => shared[RUNNING] ?? new Map()

function limitAll(): void {
  const { spawn, spawnSync, execFileSync } = childProcess
  const running = new Map<ChildProcess, string>()
  shared[RUNNING] = running
  Object.assign(childProcess, {
    spawn(...words: Parameters<typeof spawn>) {
      const child = spawn(...words)
      running.set(child, commandOf(words as unknown as Words))
      return child.on('exit', () => running.delete(child)).on('close', () => running.delete(child))
    },
    spawnSync: withLimit(spawnSync as (...words: Words) => unknown, LIMIT_MS),
    execFileSync: withLimit(execFileSync as (...words: Words) => unknown, LIMIT_MS),
  })
  syncBuiltinESMExports()
}

/** Counts the bytes of shared memory that are made: asking for their sum takes a millisecond. */
function countFrameMemory(): void {
  globalThis.SharedArrayBuffer = new Proxy(SharedArrayBuffer, {
    construct(target, words: [bytes?: number], asked) {
      shared[FRAME_MEMORY_MADE] = (shared[FRAME_MEMORY_MADE] ?? 0) + (words[0] ?? 0)
      return Reflect.construct(target, words, asked)
    },
  })
}

if (shared[RUNNING] === undefined) {
  limitAll()
  countFrameMemory()
}

const labs = join(tmpdir(), `vnet-test-run-${process.pid}`)
process.env.XDG_RUNTIME_DIR = labs
beforeAll(() => {
  mkdirSync(labs, { recursive: true })
})
afterAll(() => rmSync(labs, { recursive: true, force: true }))

/** A device that still polls would use the fake clock of a later test. */
afterAll(async () => {
  for (let turn = 0; process.getActiveResourcesInfo().includes('Immediate'); turn++) {
    if (turn === LAST_TURNS) {
      throw new Error(
        'a device or port polls in every turn of the event loop: close it in its test',
      )
    }
    await new Promise(resolve => setImmediate(resolve))
  }
})

/** Bytes of frame memory, most of it untouched, that devices may add before some is collected. */
export const FRAME_MEMORY_GROWTH = Math.min(totalmem() / 4, 2 ** 32)

/**
 * Frees the frame memory of closed devices, 612 MiB each, once there is much more than a collection
 * left the last time: what is still held would be collected after each test, in vain. fork(2) fails
 * in a process that reserves more than the machine has, and V8 does not count it as a reason to
 * collect.
 */
function collectFrameMemory(): void {
  if ((shared[FRAME_MEMORY_MADE] ?? 0) < FRAME_MEMORY_GROWTH / 4) return
  shared[FRAME_MEMORY_MADE] = 0
  const frameMemory = () => process.memoryUsage().arrayBuffers
  if (frameMemory() < (shared[FRAME_MEMORY_LEFT] ?? 0) + FRAME_MEMORY_GROWTH) return
  globalThis.gc?.()
  shared[FRAME_MEMORY_LEFT] = frameMemory()
}

/**
 * Limits the programs that start from now on to a part of `timeout`, the milliseconds of a test.
 * Returns a function that lifts the limit.
 */
export function limitPrograms(timeout: number): () => void {
  const others = new Set(runningPrograms().keys())
  const ms = timeout * PART_OF_TEST
  const timer = setTimeout(() => killPrograms(others, ms), ms)
  return () => clearTimeout(timer)
}

beforeEach(({ task }) => limitPrograms(task.timeout))
afterEach(async () => {
  await testEnded()
  collectFrameMemory()
})
