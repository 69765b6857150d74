/** The Io of a real process: its streams, its signals, and the exceptions that nobody caught. */
import { fstatSync, write } from 'node:fs'
import { constants } from 'node:os'
import { describeException } from '../core/exception.ts'
import { loadNative } from '../kernel/native.ts'
import { type End, EXIT_FAILURE, type Io } from './io.ts'
import { LateOutput, type WriteText } from './late-output.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** Those as well that would end a process, or start Node's debugger, when somebody else is to be told of them. */
const SIGNALS_PASSED_ON = [...SIGNALS, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const

/** What is used of `process`; a test has its own. */
export interface ProcessLike {
  readonly stdout: Stream
  readonly stderr: Stream
  /** Set when the program is done. */
  exitCode?: number | string | null | undefined
  exit(code: number): void
  on(event: string, fn: (value: unknown) => void): unknown
  off(event: string, fn: (value: unknown) => void): unknown
}

interface Stream {
  readonly fd?: number
  write(text: string, done?: (error?: Error | null) => void): unknown
  on(event: 'error', fn: () => void): unknown
}

/**
 * How long the end waits for a reader of what was written, and how long a write waits that had no
 * room, ms.
 */
const FLUSH_MS = 200
const AGAIN_MS = 50

export interface ProcessIo extends Io {
  /** Ends the process, with what was written flushed as far as it is read at once. */
  end(): Promise<void>
}

/** Signals and exceptions go to whoever listens for the end. With nobody to listen, or a second time, the process exits. */
export function processIo(process: ProcessLike): ProcessIo {
  const listeners = new Set<(end: End) => void>()
  let ending: End | undefined
  const streams = { out: process.stdout, err: process.stderr }
  let later: { readonly out: LateOutput; readonly err: LateOutput } | undefined
  function put(to: 'out' | 'err', text: string): void {
    if (later === undefined) streams[to].write(text)
    else later[to].push(text)
  }
  /** A thread of Node's that waits for a terminal would be waited for at a usual exit. */
  function exit(status: number): void {
    if (later?.out.isBehind || later?.err.isBehind) loadNative().endAs(status, 0)
    process.exit(status)
  }
  function tell(end: End): void {
    const first = ending === undefined
    ending ??= end
    // One defect often brings others: the first is the one to tell, and what it interrupted is being taken down.
    if (!first && 'defect' in ending && 'defect' in end && listeners.size > 0) return
    if (first && listeners.size > 0) for (const fn of [...listeners]) fn(end)
    // Nothing to take down, or asked twice: the kernel removes what is left with the descriptors.
    else if ('signal' in end) exit(Number(process.exitCode ?? 128 + signalNumber(end.signal)))
    else {
      put('err', `vnet: ${describeException(end.defect)}\n`)
      if (later === undefined) exit(EXIT_FAILURE)
      else void later.err.flush(FLUSH_MS).then(() => exit(EXIT_FAILURE))
    }
  }
  let passedOn = false
  const reloads = new Set<() => void>()
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (passedOn) return
      if (signal === 'SIGHUP' && reloads.size > 0) for (const fn of [...reloads]) fn()
      else tell({ signal })
    })
  }
  process.on('uncaughtException', defect => tell({ defect }))
  // A reader that went away (`| head -1`) does not end the interfaces, but what is there to be read.
  const closed = new Set<() => void>()
  process.stdout.on('error', () => {
    for (const fn of [...closed]) fn()
  })
  process.stderr.on('error', () => {})
  return {
    sole: true,
    own: true,
    out: text => put('out', text),
    err: text => put('err', text),
    writeLater() {
      later ??= lateOutputs(streams.out, streams.err)
    },
    logLine(to, line, lostLine) {
      if (later === undefined) put(to, line)
      else later[to].pushLine(line, lostLine)
    },
    async end() {
      if (later !== undefined) await Promise.all([later.out.flush(FLUSH_MS), later.err.flush(FLUSH_MS)])
      else
        for (const stream of [streams.out, streams.err]) await new Promise<void>(done => stream.write('', () => done()))
      exit(Number(process.exitCode ?? 0))
    },
    onEnd(fn) {
      listeners.add(fn)
      return () => listeners.delete(fn)
    },
    onReload(fn) {
      reloads.add(fn)
      return () => reloads.delete(fn)
    },
    onClosed(fn) {
      closed.add(fn)
      return () => closed.delete(fn)
    },
    standIn: {
      onSignal(fn) {
        passedOn = true
        const undo = SIGNALS_PASSED_ON.map(signal => {
          const told = () => fn(signal)
          process.on(signal, told)
          return () => process.off(signal, told)
        })
        return () => {
          passedOn = false
          for (const off of undo) off()
        }
      },
    },
  }
}

/** One for both, if they are the same terminal, pipe or file: its lines stay in order. */
function lateOutputs(stdout: Stream, stderr: Stream): { out: LateOutput; err: LateOutput } {
  const out = new LateOutput(writerTo(stdout))
  const isOne = identity(stdout.fd) !== undefined && identity(stdout.fd) === identity(stderr.fd)
  return { out, err: isOne ? out : new LateOutput(writerTo(stderr)) }
}

function identity(fd: number | undefined): string | undefined {
  if (fd === undefined) return undefined
  const { dev, ino } = fstatSync(fd)
  return `${dev} ${ino}`
}

/**
 * Node writes to pipes and sockets without waiting. To a terminal or a file it would wait: there a
 * thread of its pool does, which has the same descriptors 0 to 2.
 */
function writerTo(stream: Stream): WriteText {
  const { fd } = stream
  const stat = fd === undefined ? undefined : fstatSync(fd)
  if (fd === undefined || stat?.isFIFO() || stat?.isSocket()) {
    return (text, done) => void stream.write(text, error => done(!error))
  }
  return (text, done) => {
    const octets = Buffer.from(text)
    const from = (at: number): void =>
      write(fd, octets, at, octets.length - at, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(from, AGAIN_MS, at).unref()
        else if (error === null && at + written < octets.length) from(at + written)
        else done(error === null)
      })
    from(0)
  }
}

function signalNumber(signal: string): number {
  return constants.signals[signal as NodeJS.Signals]
}
