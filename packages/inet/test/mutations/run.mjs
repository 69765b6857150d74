/** Runs all cases against mutants of the stack, in a process that is ended if a case hangs. */
import { fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { bundleRunner, bundleStack } from './bundle.mjs'
import { root } from './mutations.mjs'

const CASES = join(root, 'packages/conform/cases')
const CHILD = join(import.meta.dirname, 'child.mjs')
/** Milliseconds for a case, which takes one. A mutant may hang or use up the memory. */
const CASE_TIME = 10_000
const MEMORY_MIB = 512

export class MutantRuns {
  /** All cases, in the order in which they run. */
  cases = []
  #folder = mkdtempSync(join(tmpdir(), 'vnet-mutants-'))
  #runner = join(this.#folder, 'runner.mjs')
  #child
  #made = 0

  static async create() {
    const runs = new MutantRuns()
    try {
      await bundleRunner(runs.#runner)
      const { readCases } = await import(pathToFileURL(runs.#runner).href)
      runs.cases = readCases(CASES)
      return runs
    } catch (error) {
      await runs.close()
      throw error
    }
  }

  /** Returns the failed cases with their reasons, by their names. Without a mutation none fails. */
  async failures(mutation) {
    const stack = join(this.#folder, `stack${this.#made++}.mjs`)
    await bundleStack(stack, mutation)
    const failed = new Map()
    for (let first = 0; first < this.cases.length; ) {
      const { next, failures } = await this.#run(stack, mutation?.world, first)
      for (const { fails, reason } of failures) {
        failed.set(this.cases[fails].name, reason)
      }
      first = next
    }
    rmSync(stack)
    return failed
  }

  /** Runs the cases from `first`, up to one that hangs. Returns the failures, and the next case. */
  async #run(stack, world, first) {
    this.#child ??= fork(CHILD, [this.#runner, CASES], {
      execArgv: [`--max-old-space-size=${MEMORY_MIB}`],
    })
    const child = this.#child
    const failures = []
    let running = first
    let timer
    return new Promise(resolve => {
      const end = next => {
        clearTimeout(timer)
        child.removeAllListeners('message').removeAllListeners('exit')
        resolve({ next, failures })
      }
      child.on('message', ({ runs = running, fails, reason, isEnd = false }) => {
        clearTimeout(timer)
        timer = setTimeout(() => child.kill('SIGKILL'), CASE_TIME)
        running = runs
        if (fails !== undefined) {
          failures.push({ fails, reason })
        }
        if (isEnd) {
          end(this.cases.length)
        }
      })
      child.once('exit', (status, signal) => {
        this.#child = undefined
        failures.push({ fails: running, reason: `the process ended with ${signal ?? status}` })
        end(running + 1)
      })
      child.send({ stack, world, first })
    })
  }

  async close() {
    const child = this.#child
    if (child !== undefined) {
      child.disconnect()
      await once(child, 'exit')
    }
    rmSync(this.#folder, { recursive: true })
  }
}
