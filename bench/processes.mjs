/**
 * The programs that a run starts. Each wait has a time limit. Each program is ended by its own pid,
 * and dies with this process (setpriv sets PR_SET_PDEATHSIG of prctl(2), which survives exec).
 */
import { execFileSync, spawn } from 'node:child_process'

/** The time limit of a command, which may be a compiler on a busy machine. */
const RUN_MS = 60_000

/** Runs a short command to its end and returns its output. Throws one line if it fails. */
export function run(...argv) {
  try {
    return execFileSync(argv[0], argv.slice(1), {
      encoding: 'utf8',
      timeout: RUN_MS,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  } catch (error) {
    throw new Error(`${argv.join(' ')}: ${complaint(error.stderr || error.message)}`)
  }
}

/**
 * Returns the line of a program's output that describes the failure, cut to a readable length: that
 * of an Error or of npm, otherwise the last.
 */
export function complaint(text) {
  const lines = text.trim().split('\n')
  return (lines.find(line => /^(npm error )?(\w*Error|\d{3})\b/.test(line)) ?? lines.at(-1)).slice(
    0,
    300,
  )
}

/**
 * The processes started here. `close()` is synchronous, so that it can run while the program exits.
 */
export class Processes {
  #running = new Set()

  /** Starts a program by its command line; `prefix` are commands that exec it. */
  start(argv, prefix = []) {
    const child = new Child(argv, prefix, () => this.#running.delete(child))
    this.#running.add(child)
    return child
  }

  close() {
    for (const child of this.#running) {
      child.kill('SIGKILL')
    }
  }
}

class Child {
  #name
  #process
  #stdout = ''
  #stderr = ''
  #status

  constructor(argv, prefix, onEnd) {
    this.#name = argv.join(' ')
    this.#process = spawn('setpriv', ['--pdeathsig', 'KILL', ...prefix, ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#process.stdout.setEncoding('utf8').on('data', text => {
      this.#stdout += text
    })
    this.#process.stderr.setEncoding('utf8').on('data', text => {
      this.#stderr = (this.#stderr + text).slice(-4096)
    })
    this.#process.on('error', error => {
      this.#stderr += error.message
    })
    this.#process.on('close', (code, signal) => {
      this.#status = code ?? signal
      onEnd()
    })
  }

  get pid() {
    return this.#process.pid
  }

  /** Its output so far. */
  get stdout() {
    return this.#stdout
  }

  get ended() {
    return this.#status !== undefined
  }

  kill(signal) {
    if (!this.ended) {
      this.#process.kill(signal)
    }
  }

  /** Waits until its standard output matches `pattern`. */
  async printed(pattern, seconds) {
    await this.#until(() => pattern.test(this.#stdout), seconds, `did not print ${pattern.source}`)
  }

  /**
   * Waits for its end and returns its standard output. Throws if it fails or does not end in time.
   */
  async output(seconds) {
    try {
      await this.#until(() => this.ended, seconds, `did not end within ${seconds} s`)
    } finally {
      await this.stop()
    }
    if (this.#status !== 0) throw this.#error(`ended with ${this.#status}`)
    return this.#stdout
  }

  /** Ends it: SIGTERM, then SIGKILL if that is not enough. */
  async stop() {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      if (this.ended) return
      this.kill(signal)
      await this.#until(() => this.ended, 2, `outlived ${signal}`).catch(() => {})
    }
  }

  #error(what) {
    const said = complaint(this.#stderr || this.#stdout)
    return new Error(`${this.#name} ${what}${said && `: ${said}`}`)
  }

  #until(done, seconds, otherwise) {
    return new Promise((resolve, reject) => {
      const { stdout } = this.#process
      const timer = setTimeout(() => settle(this.#error(otherwise)), seconds * 1000)
      const settle = error => {
        clearTimeout(timer)
        stdout.off('data', check)
        this.#process.off('close', check)
        error ? reject(error) : resolve()
      }
      const check = () => {
        if (done()) {
          settle()
        } else if (this.ended) {
          settle(this.#error(`ended with ${this.#status}`))
        }
      }
      stdout.on('data', check)
      this.#process.on('close', check)
      check()
    })
  }
}
