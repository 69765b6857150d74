/**
 * Runs vitest, once or in two parts beside each other. Tests of the kernel mostly wait, and other
 * tests compute, but one vitest can only run the ones after the others. So a run that takes long is
 * two: the second has less priority, because a program that a test of the kernel starts must not be
 * late, and its output is kept until the first ends.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { exitCode, lowerPriority, pathWithNode, tool } from './setup/command.mjs'
import { stepLine } from './test-report.mjs'

/** How much less priority the second part has than the first. */
const NICE = 10

/** The variables that select what vitest runs (vitest.config.mjs). */
const VARIABLES = [
  'VNET_QUICK',
  'VNET_LONG',
  'VNET_TEST_FOLDER',
  'VNET_TEST_FILES',
  'VNET_TEST_PART',
]

/** Returns this environment with those variables as given here, and without the others of them. */
function environmentWith(variables) {
  const given = Object.entries(variables).filter(([, value]) => value !== undefined)
  const others = Object.entries(process.env).filter(([name]) => !VARIABLES.includes(name))
  return { ...Object.fromEntries([...others, ...given]), PATH: pathWithNode() }
}

/** Output that is kept until it is shown, and from then on printed as it comes. */
class KeptOutput {
  #chunks = []
  #shownOn

  write(chunk) {
    if (this.#shownOn === undefined) {
      this.#chunks.push(chunk)
    } else {
      this.#shownOn.write(chunk)
    }
  }

  showOn(output) {
    this.#shownOn = output
    for (const chunk of this.#chunks.splice(0)) {
      output.write(chunk)
    }
  }
}

/**
 * The programs of a run in `root`. SIGINT and SIGTERM end them first, and this process once their
 * output has been printed.
 */
class Programs {
  #root
  #running = new Set()
  #signal

  #end = signal => {
    this.#signal ??= signal
    for (const child of this.#running) {
      child.kill(signal)
    }
  }

  constructor(root) {
    this.#root = root
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.on(signal, this.#end)
    }
  }

  /**
   * Runs a program to its end, or for `limit` ms, and returns its exit code. It prints on this
   * terminal, or with less priority to `output`.
   */
  async run([program, ...args], { env, limit, output }) {
    if (this.#signal !== undefined) return exitCode(this.#signal)
    const stdio = output === undefined ? 'inherit' : ['ignore', 'pipe', 'pipe']
    const child = spawn(program, args, { cwd: this.#root, env, stdio, timeout: limit })
    this.#running.add(child)
    if (output !== undefined) {
      lowerPriority(child, NICE)
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', chunk => output.write(chunk))
      }
    }
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        this.#running.delete(child)
        resolve(exitCode(code ?? signal))
      })
    })
  }

  /** Runs a step, and prints a line for it, and its output if it fails. Returns its exit code. */
  async runStep([name, ...command], output = process.stdout) {
    const own = new KeptOutput()
    const began = performance.now()
    const code = await this.run(command, { env: environmentWith({}), output: own })
    output.write(`${stepLine(name, code, (performance.now() - began) / 1000)}\n`)
    if (code !== 0) {
      own.showOn(output)
    }
    return code
  }

  /** Ends this process if a signal has ended the programs. */
  close() {
    for (const signal of ['SIGINT', 'SIGTERM']) {
      process.off(signal, this.#end)
    }
    if (this.#signal !== undefined) {
      process.kill(process.pid, this.#signal)
    }
  }
}

/**
 * Runs vitest in `root` for one or two `parts`: PARTS of test-selection.mjs, or undefined for all
 * files. `variables` select the files, `args` are options of vitest, `limit` is in milliseconds,
 * and `before` is a step before the last part: its name and its command. Returns the exit code and
 * the JSON report of the parts that have written one; undefined if none has.
 */
export async function runVitest(parts, { root, args, variables, limit, before }) {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))
  const fileOf = part => join(directory, `${part ?? 'all'}.json`)
  const programs = new Programs(root)
  const runPart = (part, output) => {
    const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${fileOf(part)}`]
    const env = environmentWith({ ...variables, VNET_TEST_PART: part })
    return programs.run([...tool('vitest'), 'run', ...reporters, ...args], { env, limit, output })
  }
  const runLast = async output => {
    const code = before === undefined ? 0 : await programs.runStep(before, output)
    return (await runPart(parts.at(-1), output)) || code
  }
  try {
    const isOne = parts.length === 1
    const kept = new KeptOutput()
    const first = isOne ? 0 : runPart(parts[0]).finally(() => kept.showOn(process.stdout))
    const codes = await Promise.all([first, runLast(isOne ? undefined : kept)])
    const reports = parts.map(fileOf).filter(existsSync)
    const resultsIn = file => JSON.parse(readFileSync(file, 'utf8')).testResults
    return {
      code: codes.find(Boolean) ?? 0,
      report: reports.length > 0 ? { testResults: reports.flatMap(resultsIn) } : undefined,
    }
  } finally {
    rmSync(directory, { recursive: true, force: true })
    programs.close()
  }
}
