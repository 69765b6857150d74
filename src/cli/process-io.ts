/** The Io of a real process: its streams, its signals, and the exceptions that nobody caught. */
import { constants } from 'node:os'
import { describeException } from '../core/exception.ts'
import { type End, EXIT_FAILURE, type Io } from './io.ts'

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
  write(text: string): unknown
  on(event: 'error', fn: () => void): unknown
}

/** Signals and exceptions go to whoever listens for the end. With nobody to listen, or a second time, the process exits. */
export function processIo(process: ProcessLike): Io {
  const listeners = new Set<(end: End) => void>()
  let ending: End | undefined
  function tell(end: End): void {
    const first = ending === undefined
    ending ??= end
    // One defect often brings others: the first is the one to tell, and what it interrupted is being taken down.
    if (!first && 'defect' in ending && 'defect' in end && listeners.size > 0) return
    if (first && listeners.size > 0) for (const fn of [...listeners]) fn(end)
    // Nothing to take down, or asked twice: the kernel removes what is left with the descriptors.
    else if ('signal' in end) process.exit(Number(process.exitCode ?? 128 + signalNumber(end.signal)))
    else {
      process.stderr.write(`vnet: ${describeException(end.defect)}\n`)
      process.exit(EXIT_FAILURE)
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
    out: text => void process.stdout.write(text),
    err: text => void process.stderr.write(text),
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

function signalNumber(signal: string): number {
  return constants.signals[signal as NodeJS.Signals]
}
