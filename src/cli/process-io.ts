/** The Io of a real process: its streams, its signals and its uncaught exceptions. */
import { fstatSync, write, writeSync } from 'node:fs'
import { constants } from 'node:os'
import { reasonOf } from '../base/errno.ts'
import { describeException, isOfCallback, isOwnDefect } from '../base/exception.ts'
import { loadNative } from '../linux/native.ts'
import { onReaderGone } from '../linux/pipe-reader.ts'
import { type Colour, type DriverError, type End, EXIT_FAILURE, type Io } from './io.ts'
import { LateOutput, type WriteText } from './late-output.ts'
import { LockupWatch } from './lockup.ts'
import type { LockupTimes } from './lockup-reporter.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** `vnet exec` also passes on signals that would end the process or start Node's debugger. */
const SIGNALS_PASSED_ON = [...SIGNALS, 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGALRM'] as const

/** The part of `process` that is used; tests pass their own. */
export interface ProcessLike {
  readonly stdout: Stream
  readonly stderr: Stream
  /** Set when the program has finished. */
  exitCode?: number | string | null | undefined
  readonly env?: NodeJS.ProcessEnv
  readonly pid?: number
  exit(code: number): void
  on(event: string, fn: (value: unknown) => void): unknown
  off(event: string, fn: (value: unknown) => void): unknown
}

interface Stream {
  readonly fd?: number
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string, done?: (error?: Error | null) => void): unknown
  on(event: 'error', fn: () => void): unknown
}

/** Milliseconds that the end of the process waits for its output to be read. */
const FLUSH_MS = 200
/** Milliseconds before a write that failed with EAGAIN is repeated. */
const AGAIN_MS = 50

/**
 * Signals in this time after the first one, in ms, have the same cause: npm passes a terminal's
 * Ctrl-C on, and timeout(1) signals a process and then its group. A person takes longer.
 */
const SAME_CAUSE_MS = 100

/** The codes of errors by which a reader has closed an output. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'ERR_STREAM_DESTROYED']

/** How a terminal starts a colour (ECMA-48, select graphic rendition), and ends it. */
const COLOURS: Readonly<Record<Colour, string>> = { red: '\x1b[31m' }
const NO_COLOUR = '\x1b[39m'

export interface ProcessIo extends Io {
  /** Ends the process. Output that is not read within FLUSH_MS is lost. */
  end(): Promise<void>
}

/**
 * A signal or uncaught exception notifies listeners. Without any, or again, the process exits;
 * signals within SAME_CAUSE_MS of the first count as one. A driver's rejected promise, or an
 * exception in its callback, ends nothing if something listens for it. `lockupTimes` are for tests.
 *
 * SIGHUP reloads if something listens for that. A process that systemd started ignores it
 * otherwise: `systemctl reload` would stop the service, with status 0, which Restart=on-failure
 * does not start again.
 */
export function processIo(process: ProcessLike, lockupTimes?: LockupTimes): ProcessIo {
  const listeners = new Set<(end: End) => void>()
  /** True once a run has listened, which may then end without a request. */
  let hasRun = false
  let ending: End | undefined
  /** Whether the signals of one cause may still arrive; undefined before the first. */
  let isSameCause: boolean | undefined
  const streams = { out: process.stdout, err: process.stderr }
  const isColoured = process.stdout.isTTY === true && !process.env?.NO_COLOR && process.env?.TERM !== 'dumb'
  let later: { readonly out: LateOutput; readonly err: LateOutput } | undefined
  const failed = { out: false, err: false }
  /** Text was lost, unless its reader has everything it wants. */
  function fail(to: 'out' | 'err', error: NodeJS.ErrnoException): void {
    if (failed[to] || GONE.includes(error.code) || streams[to].isTTY) return
    failed[to] = true
    if (to === 'err') return
    put('err', `vnet: standard output: ${reasonOf(error)}\n`)
    for (const fn of [...closed]) fn()
  }
  function put(to: 'out' | 'err', text: string): void {
    if (later !== undefined) later[to].push(text)
    else if (!failed[to]) writeNow(streams[to], text, error => fail(to, error))
  }
  /** Exits immediately: a normal exit would wait for a pool thread stuck writing to a terminal. */
  function exit(status: number): void {
    if (later?.out.isBehind || later?.err.isBehind) loadNative().endAs(status, 0)
    process.exit(status)
  }
  function onSignal(signal: NodeJS.Signals): void {
    if (isSameCause) return
    if (isSameCause === undefined) {
      isSameCause = true
      // Signals that arrived while JavaScript ran are handled before the immediate.
      const end = () => {
        isSameCause = false
      }
      setTimeout(() => setImmediate(end).unref(), SAME_CAUSE_MS).unref()
    }
    onEnd({ signal })
  }
  function onEnd(end: End): void {
    const first = ending === undefined
    ending ??= end
    // One defect often causes others. The first is reported, and its run is already ending.
    if (!first && 'defect' in ending && 'defect' in end && listeners.size > 0) return
    if (first && listeners.size > 0) for (const fn of [...listeners]) fn(end)
    // The run has ended already, with its own exit status.
    else if (first && hasRun && 'signal' in end) return
    // Nothing to take down, or the second signal: the kernel removes the rest with the descriptors.
    else if ('signal' in end) exit(Number(process.exitCode ?? 128 + constants.signals[end.signal as NodeJS.Signals]))
    else {
      put('err', `vnet: ${describeException(end.defect)}\n`)
      if (later === undefined) exit(EXIT_FAILURE)
      else void later.err.flush(FLUSH_MS).then(() => exit(EXIT_FAILURE))
    }
  }
  let passedOn = false
  // systemd.exec(5): other processes of the service inherit the variable, with another process id.
  const isService = process.pid !== undefined && process.env?.SYSTEMD_EXEC_PID === String(process.pid)
  const reloads = new Set<() => void>()
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (passedOn) return
      if (signal === 'SIGHUP' && reloads.size > 0) for (const fn of [...reloads]) fn()
      else if (signal === 'SIGHUP' && isService) put('err', 'vnet: SIGHUP ignored: there is nothing to read again\n')
      else onSignal(signal)
    })
  }
  const driverErrors = new Set<(what: DriverError, error: unknown) => void>()
  function onError(what: DriverError, error: unknown, isDrivers: boolean): void {
    if (driverErrors.size === 0 || !isDrivers) onEnd({ defect: error })
    else for (const fn of [...driverErrors]) fn(what, error)
  }
  process.on('uncaughtException', error => onError('uncaught exception', error, isOfCallback(error)))
  process.on('unhandledRejection', reason => onError('rejected promise', reason, !isOwnDefect(reason)))
  // Losing the reader (`| head -1`) ends commands that only print, not interfaces.
  const closed = new Set<() => void>()
  process.stdout.on('error', () => {
    for (const fn of [...closed]) fn()
  })
  process.stderr.on('error', () => {})
  return {
    sole: true,
    own: true,
    lockups: new LockupWatch(lockupTimes),
    out(text, colour) {
      if (colour === undefined || !isColoured) put('out', text)
      // The end of the line is not cleared, for a terminal that would fill it with the background.
      else
        put(
          'out',
          text.replace(/.+/g, line => `${COLOURS[colour]}${line}${NO_COLOUR}`),
        )
    },
    err: text => put('err', text),
    writeLater() {
      later ??= lateOutputs(streams.out, streams.err, fail)
    },
    room: () => later?.out.room,
    ...(streams.err.isTTY && { progress: line => put('err', progressText(line, streams.err.columns)) }),
    logLine(to, line, lostLine) {
      if (later === undefined) put(to, line)
      else later[to].pushLine(line, lostLine)
    },
    async end() {
      if (later !== undefined) {
        // Its failure is a line of the other.
        await later.out.flush(FLUSH_MS)
        await later.err.flush(FLUSH_MS)
      } else
        for (const stream of [streams.out, streams.err]) await new Promise<void>(done => stream.write('', () => done()))
      exit(Number(process.exitCode || (failed.out || failed.err ? EXIT_FAILURE : 0)))
    },
    onEnd(fn) {
      hasRun = true
      return addingTo(listeners)(fn)
    },
    onReload: addingTo(reloads),
    onDriverError: addingTo(driverErrors),
    onClosed(fn) {
      const { fd } = process.stdout
      // An error shows only with the next write.
      const watch = fd === undefined ? undefined : onReaderGone(loadNative(), fd, fn)
      closed.add(fn)
      return () => {
        closed.delete(fn)
        watch?.[Symbol.dispose]()
      }
    },
    onSignal(fn) {
      passedOn = true
      const passed = SIGNALS_PASSED_ON.map(signal => [signal, () => fn(signal)] as const)
      for (const [signal, listener] of passed) process.on(signal, listener)
      return () => {
        passedOn = false
        for (const [signal, listener] of passed) process.off(signal, listener)
      }
    },
  }
}

/**
 * Returns the text that replaces the last line, cut to the width of the terminal if that is known.
 */
function progressText(line = '', columns = 0): string {
  return `\r${line.slice(0, (columns || 80) - 1)}\x1b[K`
}

/** Returns a function that adds a listener and returns an undo. */
function addingTo<T>(listeners: Set<T>): (fn: T) => () => void {
  return fn => {
    listeners.add(fn)
    return () => listeners.delete(fn)
  }
}

/** Writes a text. To a file, not by its stream, which takes a short write for a whole one. */
function writeNow(stream: Stream, text: string, failed: (error: Error) => void): void {
  const { fd, isTTY } = stream
  const stat = fd === undefined || isTTY ? undefined : fstatSync(fd)
  if (fd === undefined || !(stat?.isFile() || stat?.isCharacterDevice())) {
    stream.write(text, error => {
      if (error) failed(error)
    })
    return
  }
  const bytes = Buffer.from(text)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at)
  } catch (error) {
    failed(error as Error)
  }
}

/** Returns one LateOutput for both streams if they are one file, which keeps lines in order. */
function lateOutputs(
  stdout: Stream,
  stderr: Stream,
  fail: (to: 'out' | 'err', error: Error) => void,
): { out: LateOutput; err: LateOutput } {
  const out = new LateOutput(writerTo(stdout, error => fail('out', error)))
  const isOne = identity(stdout.fd) !== undefined && identity(stdout.fd) === identity(stderr.fd)
  return { out, err: isOne ? out : new LateOutput(writerTo(stderr, error => fail('err', error))) }
}

function identity(fd: number | undefined): string | undefined {
  if (fd === undefined) return undefined
  const { dev, ino } = fstatSync(fd)
  return `${dev} ${ino}`
}

/**
 * Node writes to pipes and sockets without blocking. To terminals and files its writes block, so
 * there a thread of its pool writes, which shares descriptors 0 to 2.
 */
function writerTo(stream: Stream, failed: (error: Error) => void): WriteText {
  const { fd } = stream
  const ended = (error: Error | null | undefined, done: (good: boolean) => void) => {
    if (error) failed(error)
    done(!error)
  }
  const stat = fd === undefined ? undefined : fstatSync(fd)
  if (fd === undefined || stat?.isFIFO() || stat?.isSocket()) {
    return (text, done) => void stream.write(text, error => ended(error, done))
  }
  return (text, done) => {
    const bytes = Buffer.from(text)
    const from = (at: number): void =>
      write(fd, bytes, at, bytes.length - at, null, (error, written) => {
        if (error?.code === 'EAGAIN') setTimeout(from, AGAIN_MS, at).unref()
        else if (error === null && at + written < bytes.length) from(at + written)
        else ended(error, done)
      })
    from(0)
  }
}
