/** The programs of a run of tests: they end with it, or when they take too long. */

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { exitCode, lowerPriority } from './setup/command.mjs'
import { stepLine } from './test-report.mjs'

/** How much less priority a program with kept output has. */
const NICE = 10

/** Milliseconds in which programs that took too long may end by themselves. */
const GRACE_MS = 5000

/** Output that is kept until it is shown, and from then on printed as it comes. */
export class KeptOutput {
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
export class Programs {
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
    const child = spawn(program, args, { cwd: this.#root, env, stdio })
    this.#running.add(child)
    const tooLong = limit && setTimeout(endTree, limit, child.pid)
    if (output !== undefined) {
      lowerPriority(child, NICE)
      for (const stream of [child.stdout, child.stderr]) {
        stream.on('data', chunk => output.write(chunk))
      }
    }
    return new Promise((resolve, reject) => {
      child.on('error', reject)
      child.on('close', (code, signal) => {
        clearTimeout(tooLong)
        this.#running.delete(child)
        resolve(exitCode(code ?? signal))
      })
    })
  }

  /** Runs a step, and prints a line for it, and its output if it fails. Returns its exit code. */
  async runStep([name, ...command], { env, output = process.stdout }) {
    const own = new KeptOutput()
    const began = performance.now()
    const code = await this.run(command, { env, output: own })
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
 * Ends a process with all that it has started. A signal to it alone would leave behind a program
 * that waits for another one and does nothing meanwhile.
 */
function endTree(pid) {
  const tree = [pid, ...descendantsOf(pid)]
  const send = signal => {
    for (const each of tree) {
      sendSignal(each, signal)
    }
  }
  console.error('vnet: the tests take too long: what has not ended is not in the output')
  send('SIGTERM')
  setTimeout(send, GRACE_MS, 'SIGKILL')
}

function sendSignal(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    // It has ended.
  }
}

function descendantsOf(pid) {
  const children = childrenOf(pid)
  return [...children, ...children.flatMap(descendantsOf)]
}

/** Returns none for a process that has ended, and on other systems than Linux. */
function childrenOf(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`).flatMap(thread =>
      readFileSync(`/proc/${pid}/task/${thread}/children`, 'utf8')
        .split(' ')
        .filter(Boolean)
        .map(Number),
    )
  } catch {
    return []
  }
}
