/**
 * KeptLab: a lab in which one client after another runs under a fault: two hosts and a cable. The
 * server is started once, and again after its end.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { UsageError } from 'vnet'
import { ServiceError, startService } from '../file/service.ts'
import { makeLabDirectory } from '../kernel/leftovers.ts'
import { hasListener } from '../kernel/sock-diag.ts'
import { createLabWith } from '../network/create-lab.ts'
import type { LabFault } from '../network/fault.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'
import type { LabLink } from '../network/link.ts'
import { type ClientPlace, type ClientRun, runClient } from './client-run.ts'
import { type Point, type Recorded, readRecorded } from './points.ts'
import { clientWords, WarmProgram } from './warm.ts'

/** The programs of a lab, and their limits. */
export interface LabPrograms {
  /** A line for sh(1). */
  readonly server: string
  /** A text on its output; without one it is ready when it listens on a TCP port. */
  readonly ready: string | undefined
  /** Whether it is started again for each run. */
  readonly fresh: boolean
  /** The command of a warm program, which runs the clients. */
  readonly warm: string | undefined
  /** Milliseconds in which a client must end. */
  readonly within: number
}

/** What a run of a client has besides its command. */
export interface RunOptions {
  /** Where it has its fault; it has none by default. */
  readonly point?: Point
  /** Same as of ClientPlace. */
  readonly reachesWithin?: number
}

/** A run of a client under a fault, or without one. */
export interface PointRun extends ClientRun {
  readonly isHit: boolean
  /** How the server has ended in the run; undefined if it has not. */
  readonly serverEnd: string | undefined
}

/** IPv4 only: otherwise a client tries IPv6 first, and a server of IPv4 refuses that. */
const CLIENT = '198.18.1.1'
const SERVER = '198.18.1.2'
const PREFIX = '/24'

/** Milliseconds between two looks at the ports of a server, and in which it must listen. */
const LOOK_MS = 10
const READY_MS = 60_000
const LAST_LINES = 3

interface Parts {
  readonly lab: Lab
  readonly client: LabHost
  readonly server: LabHost
  readonly link: LabLink
  /** The parent of the clients' directories. Programs of hosts do not see the lab's own one. */
  readonly directory: string
  readonly signal: AbortSignal
}

/** Its user closes it. It also ends when `signal` aborts, and calls then reject. */
export class KeptLab implements AsyncDisposable {
  readonly #programs: LabPrograms
  readonly #parts: Parts
  #warm: WarmProgram | undefined
  /** Aborts when the server is to end. */
  #serving = new AbortController()
  #serverEnd: string | undefined
  /** Whether the server has had a client. */
  #isUsed = false
  #records = 0
  /** The last lines of the server. */
  #said: readonly string[] = []

  private constructor(programs: LabPrograms, parts: Parts) {
    this.#programs = programs
    this.#parts = parts
  }

  /** Settles when the server is ready. Rejects with a ServiceError if it does not become so. */
  static async open(programs: LabPrograms, signal: AbortSignal): Promise<KeptLab> {
    const lab = await createLabWith(
      { name: 'explore', world: 'kernel', signal },
      // All programs of a host then run below one process, and end with it.
      { hostFaults: ['crash'], isHidden: true },
    )
    // Named like a lab's, so that the next lab removes it if this process is killed.
    const directory = makeLabDirectory()
    try {
      const [client, server] = lab.hosts('client', 'server')
      const addresses = [[CLIENT + PREFIX], [SERVER + PREFIX]] as const
      const link = await lab.cable(client, server, { addresses })
      const kept = new KeptLab(programs, { lab, client, server, link, directory, signal })
      await kept.#startServer()
      return kept
    } catch (error) {
      await lab.close()
      rmSync(directory, { recursive: true, force: true })
      throw error
    }
  }

  /** Runs a client without a fault, and records what the link carries. */
  async record(command: string): Promise<{ readonly run: PointRun; readonly recorded: Recorded }> {
    const { link, directory } = this.#parts
    await this.#renewServer()
    const path = join(directory, `clean-${++this.#records}.pcapng`)
    const endCapture = await link.capture(path)
    const run = await this.run(command)
    await endCapture()
    const hosts = new Map([
      [CLIENT, 'client'],
      [SERVER, 'server'],
    ])
    return { run, recorded: readRecorded(path, hosts) }
  }

  /** Runs a client. Rejects if the server does not start again. */
  async run(command: string, { point, reachesWithin }: RunOptions = {}): Promise<PointRun> {
    await this.#renewServer()
    this.#isUsed = true
    const fault = point && (await this.#addFault(point))
    let isHit = false
    const run = await this.#runClient(command, {
      end: async () => {
        isHit = (fault?.hits ?? 0) > 0
        await this.#endFault(fault)
      },
      ...(fault && { faultHappens: fault.hit() }),
      ...(reachesWithin !== undefined && { reachesWithin }),
    })
    return { ...run, isHit, serverEnd: this.#serverEnd }
  }

  #addFault({ direction, fault, byte, connection }: Point): Promise<LabFault> {
    return this.#parts.link.addConnectionFault(direction, fault, byte, connection)
  }

  /** Starts the server again, at the next run. */
  dropServer(): void {
    this.#serverEnd ??= 'ended by vnet'
  }

  async close(): Promise<void> {
    const { lab, directory } = this.#parts
    this.#serving.abort()
    await lab.close()
    rmSync(directory, { recursive: true, force: true })
  }

  readonly [Symbol.asyncDispose] = (): Promise<void> => this.close()

  async #runClient(
    command: string,
    ofRun: Pick<ClientPlace, 'end' | 'faultHappens' | 'reachesWithin'>,
  ): Promise<ClientRun> {
    const { client, directory, signal } = this.#parts
    const { warm, within } = this.#programs
    const place: ClientPlace = {
      ...ofRun,
      spawn: client.spawn.bind(client),
      parent: directory,
      within,
      signal,
    }
    if (warm === undefined) return runClient(command, place)
    this.#warm ??= await WarmProgram.start(warm, place)
    return this.#warm.run(clientWords(command), place)
  }

  /**
   * Ends the fault before the programs of the client, so that the server gets their resets: one
   * that serves a client at a time would wait for ever.
   */
  async #endFault(fault: LabFault | undefined): Promise<void> {
    const { client, signal } = this.#parts
    await fault?.remove()
    // The namespace of the host may be closed.
    signal.throwIfAborted()
    if (this.#warm !== undefined) return
    await client.faults.crash()
    client.faults.restart()
  }

  async #renewServer(): Promise<void> {
    const { server } = this.#parts
    const isStale = this.#programs.fresh && this.#isUsed
    if (this.#serverEnd === undefined && !isStale) return
    this.#serving.abort()
    await server.faults.crash()
    server.faults.restart()
    await this.#startServer()
  }

  async #startServer(): Promise<void> {
    const { server, signal } = this.#parts
    const { server: command, ready } = this.#programs
    this.#isUsed = false
    this.#serving = new AbortController()
    this.#serverEnd = undefined
    const ended = this.#serving.signal
    await startService(
      server,
      { command, ...(ready !== undefined && { ready }) },
      {
        env: process.env,
        log: line => {
          this.#said = [...this.#said, line].slice(-LAST_LINES)
        },
        onEnd: status => {
          this.#serverEnd = `status ${status}`
        },
        signal: AbortSignal.any([ended, signal]),
      },
    )
    if (ready === undefined) {
      await this.#untilListening(AbortSignal.any([ended, signal]))
    }
  }

  async #untilListening(signal: AbortSignal): Promise<void> {
    const { native, nsfd } = this.#parts.server.place
    const began = performance.now()
    while (!hasListener(native, nsfd)) {
      if (this.#serverEnd !== undefined) {
        throw new ServiceError(
          `the server has ended with ${this.#serverEnd}, and has listened on no TCP port`,
          this.#said,
        )
      }
      if (performance.now() - began > READY_MS) {
        throw new UsageError(
          `the server listens on no TCP port after ${READY_MS / 1000} s: say what it prints when it is ready: --ready TEXT`,
        )
      }
      await setTimeout(LOOK_MS, undefined, { signal })
    }
  }
}
