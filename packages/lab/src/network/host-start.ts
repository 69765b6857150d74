/** HostStart: what host.start has run, and runs again after each restart. */
import type { LabHost } from './host.ts'

/** The program of a host. `signal` aborts when the host crashes. */
export type HostProgram = (run: {
  readonly host: LabHost
  readonly signal: AbortSignal
}) => Promise<unknown> | unknown

interface Started {
  readonly program: HostProgram
  /** Settles `start`: a run that a crash has cut short does not. */
  readonly resolve: () => void
  readonly reject: (reason: unknown) => void
}

/**
 * The programs that host.start has run. A crash ends their runs, and a restart runs them all again.
 */
export class HostStart {
  readonly #host: LabHost
  readonly #started: Started[] = []
  #power = new AbortController()

  constructor(host: LabHost) {
    this.#host = host
  }

  /** Settles with the program; if the host crashes meanwhile, with its run after the restart. */
  start(program: HostProgram): Promise<void> {
    return new Promise((resolve, reject) => {
      const started = { program, resolve, reject }
      this.#started.push(started)
      this.#run(started).catch(() => {})
    })
  }

  crash(): void {
    this.#power.abort(new Error(`host ${this.#host.name} has crashed`))
  }

  /** Runs all programs again. Rejects if one of them does. */
  async restart(): Promise<void> {
    if (!this.#power.signal.aborted) return
    this.#power = new AbortController()
    await Promise.all(this.#started.map(each => this.#run(each)))
  }

  async #run({ program, resolve, reject }: Started): Promise<void> {
    const { signal } = this.#power
    const crashed = new Promise<void>(done =>
      signal.addEventListener('abort', () => done(), { once: true }),
    )
    try {
      const run = this.#host.stack.enter(() => program({ host: this.#host, signal }))
      // In memory, what a crashed program waits for never happens.
      await Promise.race([run, crashed])
      if (!signal.aborted) {
        resolve()
      }
    } catch (error) {
      if (signal.aborted) return
      reject(error)
      throw error
    }
  }
}
