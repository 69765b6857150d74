/** The outputs of a process, which are written immediately or later, and its exit after them. */
import { fstatSync, write, writeSync } from 'node:fs'
import { reasonOf, within } from '../../base/index.ts'
import { loadNative } from '../../linux/native.ts'
import { onReaderGone } from '../../linux/pipe-reader.ts'
import { type Colour, EXIT_FAILURE } from './io.ts'

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
  write(text: string | Uint8Array, done?: (error?: Error | null) => void): unknown
  on(event: 'error', fn: () => void): unknown
}

/** Milliseconds that the end of the process waits for its output to be read. */
const FLUSH_MS = 200
/** Milliseconds before a write that failed with EAGAIN is repeated. */
const AGAIN_MS = 50

/** The codes of errors by which a reader has closed an output. */
const GONE: readonly (string | undefined)[] = ['EPIPE', 'ERR_STREAM_DESTROYED']

/** How a terminal starts a colour (ECMA-48, select graphic rendition), and ends it. */
const COLOURS: Readonly<Record<Colour, string>> = { red: '\x1b[31m' }
const NO_COLOUR = '\x1b[39m'

/** Characters that may be queued before log lines are dropped. */
const ROOM = 256 * 1024

/** Writes a text, then calls `done` once; `good` is false if it can no longer be written. */
type WriteText = (text: string, done: (good: boolean) => void) => void

/**
 * A queue of text for a descriptor that may not be read: a stopped terminal (Ctrl-S), a full pipe,
 * a slow disk. The caller never waits. Log lines beyond a limit are dropped and counted.
 */
export class LateOutput {
  readonly #write: WriteText
  #waiting: string[] = []
  /** Characters queued, including those being written. */
  #length = 0
  #writing = 0
  #lost = 0
  #lostLine = (_lines: number) => ''
  #isDead = false
  #idle: (() => void)[] = []
  #roomy: (() => void)[] = []

  constructor(writeText: WriteText) {
    this.#write = writeText
  }

  /** True while text is queued. */
  get isBehind(): boolean {
    return this.#length > 0
  }

  /** Settles when more text fits; undefined if it fits now. */
  get room(): Promise<void> | undefined {
    if (this.#length < ROOM) return undefined
    return new Promise(resolve => this.#roomy.push(resolve))
  }

  /** Queues a text that must not be lost. */
  push(text: string): void {
    if (this.#isDead || text === '') return
    this.#waiting.push(text)
    this.#length += text.length
    if (this.#writing === 0) {
      this.#next()
    }
  }

  /**
   * Queues a line, or drops it if the queue is full. When there is room again, `lostLine` makes a
   * line with the number of dropped lines.
   */
  pushLine(line: string, lostLine: (lines: number) => string): void {
    this.#lostLine = lostLine
    if (this.#lost > 0 || this.#length + line.length > ROOM) {
      this.#lost++
    } else {
      this.push(line)
    }
  }

  /** Settles when everything is written, or after `ms`. */
  async flush(ms: number): Promise<void> {
    if (this.isBehind) {
      await within(new Promise<void>(resolve => this.#idle.push(resolve)), ms)
    }
  }

  #next(): void {
    const text = this.#waiting.join('')
    this.#waiting = []
    this.#writing = text.length
    this.#write(text, good => this.#written(good))
  }

  #written(good: boolean): void {
    this.#length -= this.#writing
    this.#writing = 0
    if (!good) {
      this.#isDead = true
      this.#waiting = []
      this.#length = 0
      this.#lost = 0
    }
    if (this.#lost > 0 && this.#length < ROOM / 2) {
      const line = this.#lostLine(this.#lost)
      this.#lost = 0
      this.#waiting.push(line)
      this.#length += line.length
    }
    if (this.#length < ROOM / 2) {
      for (const fn of this.#roomy.splice(0)) {
        fn()
      }
    }
    if (this.#length > 0) {
      this.#next()
    } else {
      for (const fn of this.#idle.splice(0)) {
        fn()
      }
    }
  }
}

export class ProcessOutput {
  readonly #process: ProcessLike
  readonly #streams: { readonly out: Stream; readonly err: Stream }
  readonly #isColoured: boolean
  readonly #failed = { out: false, err: false }
  /** Notified when standard output has lost its reader. */
  readonly #closed = new Set<() => void>()
  #later: { readonly out: LateOutput; readonly err: LateOutput } | undefined

  constructor(process: ProcessLike) {
    const { stdout, stderr, env } = process
    this.#process = process
    this.#streams = { out: stdout, err: stderr }
    this.#isColoured = stdout.isTTY === true && !env?.NO_COLOR && env?.TERM !== 'dumb'
    // Losing the reader (`| head -1`) ends commands that only print, not interfaces.
    stdout.on('error', () => this.#close())
    stderr.on('error', () => {})
  }

  put(to: 'out' | 'err', text: string): void {
    if (this.#later !== undefined) {
      this.#later[to].push(text)
    } else {
      this.pass(to, Buffer.from(text))
    }
  }

  /** Writes bytes now. */
  pass(to: 'out' | 'err', bytes: Uint8Array): void {
    if (!this.#failed[to]) {
      writeNow(this.#streams[to], bytes, error => this.#fail(to, error))
    }
  }

  print(text: string, colour: Colour | undefined): void {
    if (colour === undefined || !this.#isColoured) {
      this.put('out', text)
    } else {
      // The end of the line is not cleared, for a terminal that would fill it with the background.
      this.put('out', text.replace(/.+/g, `${COLOURS[colour]}$&${NO_COLOUR}`))
    }
  }

  logLine(to: 'out' | 'err', line: string, lostLine: (lines: number) => string): void {
    if (this.#later === undefined) {
      this.put(to, line)
    } else {
      this.#later[to].pushLine(line, lostLine)
    }
  }

  writeLater(): void {
    const { out, err } = this.#streams
    this.#later ??= lateOutputs(out, err, (to, error) => this.#fail(to, error))
  }

  room(): Promise<void> | undefined {
    return this.#later?.out.room
  }

  onClosed(fn: () => void): () => void {
    const { fd } = this.#streams.out
    // An error shows only with the next write.
    const watch = fd === undefined ? undefined : onReaderGone(loadNative(), fd, fn)
    this.#closed.add(fn)
    return () => {
      this.#closed.delete(fn)
      watch?.[Symbol.dispose]()
    }
  }

  /** Ends the process. Output that is not read within FLUSH_MS is lost. */
  async end(): Promise<void> {
    if (this.#later !== undefined) {
      // Its failure is a line of the other.
      await this.#later.out.flush(FLUSH_MS)
      await this.#later.err.flush(FLUSH_MS)
    } else {
      for (const stream of Object.values(this.#streams)) {
        await new Promise<void>(done => stream.write('', () => done()))
      }
    }
    this.exit(
      Number(this.#process.exitCode || (this.#failed.out || this.#failed.err ? EXIT_FAILURE : 0)),
    )
  }

  /** Exits immediately: a normal exit would wait for a pool thread stuck writing to a terminal. */
  exit(status: number): void {
    if (this.#later?.out.isBehind || this.#later?.err.isBehind) {
      loadNative().endAs(status, 0)
    }
    this.#process.exit(status)
  }

  /** Exits after a last line on standard error. */
  exitWith(text: string): void {
    this.put('err', text)
    if (this.#later === undefined) {
      this.exit(EXIT_FAILURE)
    } else {
      void this.#later.err.flush(FLUSH_MS).then(() => this.exit(EXIT_FAILURE))
    }
  }

  /** Text was lost, unless its reader has everything it wants. */
  #fail(to: 'out' | 'err', error: NodeJS.ErrnoException): void {
    if (this.#failed[to] || GONE.includes(error.code) || this.#streams[to].isTTY) return
    this.#failed[to] = true
    if (to === 'err') return
    this.put('err', `vnet: standard output: ${reasonOf(error)}\n`)
    this.#close()
  }

  #close(): void {
    for (const fn of [...this.#closed]) {
      fn()
    }
  }
}

/** Writes bytes. To a file, not by its stream, which takes a short write for a whole one. */
function writeNow(stream: Stream, bytes: Uint8Array, failed: (error: Error) => void): void {
  const { fd, isTTY } = stream
  const stat = fd === undefined || isTTY ? undefined : fstatSync(fd)
  if (fd === undefined || !(stat?.isFile() || stat?.isCharacterDevice())) {
    stream.write(bytes, error => {
      if (error) {
        failed(error)
      }
    })
    return
  }
  try {
    for (let at = 0; at < bytes.length; ) {
      at += writeSync(fd, bytes, at)
    }
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
    if (error) {
      failed(error)
    }
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
        if (error?.code === 'EAGAIN') {
          setTimeout(from, AGAIN_MS, at).unref()
        } else if (error === null && at + written < bytes.length) {
          from(at + written)
        } else {
          ended(error, done)
        }
      })
    from(0)
  }
}
