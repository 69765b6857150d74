/**
 * A subject is a small client and server with one planted bug, in test/explore/subjects. Each file
 * exports `broken`, a scenario with the bug; `fixed`, the same scenario without it; `bug`, which
 * describes the bug in one line; `options` of the exploration; and `faults`, sets of faults that
 * reveal the bug. If no fault of a packet reveals it, `cause` has both scenarios under a condition
 * that does.
 */
import type { Socket } from 'node:net'
import type { FaultVerb } from '#src/wire/stages/fault-verbs.ts'
import type { Direction, FaultAction, FaultWhen, Lab, LabHost } from '../../src/index.ts'

export type Scenario = (run: { readonly lab: Lab; readonly signal: AbortSignal }) => Promise<void>

/** One fault of LinkDirection.fault, or the text of a wire where that has no such fault. */
export type SubjectFault =
  | {
      readonly direction: Direction
      readonly action: FaultAction
      readonly filter: string
      readonly when: FaultWhen
    }
  | { readonly direction: Direction; readonly wire: string }

/** Sets of faults, of which each reveals the bug. */
export type SubjectFaults = readonly (readonly SubjectFault[])[]

/** Makes faults of packets to the port of the server, and of packets from it. */
const faultsOf = (protocol: 'tcp' | 'udp') => ({
  toServer: (action: FaultAction, when: FaultWhen): SubjectFault => {
    return { direction: 'ab', action, filter: `${protocol} dst port ${PORT}`, when }
  },
  fromServer: (action: FaultAction, when: FaultWhen): SubjectFault => {
    return { direction: 'ba', action, filter: `${protocol} src port ${PORT}`, when }
  },
})
export const tcp = faultsOf('tcp')
export const udp = faultsOf('udp')

export interface SubjectOptions {
  /** The links on which explore sets faults. */
  readonly links: readonly string[]
  /** The faults that the fixed scenario survives. */
  readonly faults: readonly FaultVerb[]
  /** True if the bug needs two faults. */
  readonly pairs?: boolean
  /** Milliseconds after which a run has failed: more than a lost SYN costs. */
  readonly timeout: number
}

export interface Cause {
  readonly broken: Scenario
  readonly fixed: Scenario
}

export interface Subject {
  readonly bug: string
  readonly options: SubjectOptions
  readonly broken: Scenario
  readonly fixed: Scenario
  readonly faults?: SubjectFaults
  readonly cause?: Cause
}

const TIMEOUT = 5000

/** For programs that repeat their datagrams and check them. */
export const DATAGRAMS: SubjectOptions = {
  links: ['client-server'],
  faults: ['drop', 'duplicate', 'delay', 'corrupt', 'tamper', 'swap', 'ce'],
  timeout: TIMEOUT,
}
/** For programs that connect once. */
export const CONNECTION: SubjectOptions = {
  links: ['client-server'],
  faults: ['drop', 'duplicate', 'delay', 'corrupt', 'swap', 'ce'],
  timeout: TIMEOUT,
}
/** For programs that connect again after a reset. */
export const CONNECTIONS: SubjectOptions = {
  ...CONNECTION,
  faults: [...CONNECTION.faults, 'reset'],
}

/** The port of every server. */
export const PORT = 7

/** Makes a client and a server with a cable between them. The wire makes the round trip 10 ms. */
export async function hosts(
  lab: Lab,
  wire = 'delay 5ms',
): Promise<{ client: LabHost; server: LabHost }> {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire })
  return { client, server }
}

/** Milliseconds after which a program has failed that only waits for datagrams. */
export const LIMIT = 1500

/** A step of `every` in ms: a time without a processor counts as one, however long. */
const TICK = 20

/** Calls `call` every `ms` ms in which the process ran. Returns a function that ends this. */
export function every(ms: number, call: () => void): () => void {
  let ticks = 0
  const timer = setInterval(() => {
    if (++ticks % (ms / TICK) === 0) {
      call()
    }
  }, TICK)
  return () => clearInterval(timer)
}

/** Settles like `promise`, and rejects with `what` after `ms` ms in which the process ran. */
export async function within<T>(promise: Promise<T>, what: string, ms = LIMIT): Promise<T> {
  let stop = () => {}
  const late = new Promise<never>((_, reject) => {
    stop = every(ms, () => reject(new Error(`after ${ms} ms ${what}`)))
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    stop()
  }
}

/** Tries up to four times, since each single fault costs one connection at most. */
export async function retried<T>(attempt: () => Promise<T>): Promise<T> {
  for (let left = 3; ; left--) {
    try {
      return await attempt()
    } catch (error) {
      if (left === 0) throw error
    }
  }
}

/** Calls `onLine` for each line that arrives. */
export function onLines(socket: Socket, onLine: (line: string) => void): void {
  let text = ''
  socket.on('data', chunk => {
    text += chunk
    for (let end = text.indexOf('\n'); end >= 0; end = text.indexOf('\n')) {
      const line = text.slice(0, end)
      text = text.slice(end + 1)
      onLine(line)
    }
  })
}
