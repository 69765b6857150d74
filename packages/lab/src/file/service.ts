/** A program of `run`: started when the lab is made, and with `restart` again after its end. */

import { createInterface } from 'node:readline'
// Imported because a test may replace the timers of globalThis.
import { clearTimeout, setTimeout } from 'node:timers'
import { printable } from 'vnet/kit/base'
import { statusOf } from 'vnet/kit/cli'
import type { LabHost } from '../network/host.ts'
import type { Service } from './schema.ts'

/** Milliseconds in which a program must be ready. */
const READY_MS = 60_000
/** Milliseconds between the end of a program and its next start. */
const RESTART_MS = 1000

// The last lines of a program in its error, and the characters of each, and of its command.
const LAST_LINES = 3
const LINE_CHARS = 160
const COMMAND_CHARS = 60

/**
 * The lab of a program. When `signal` aborts, a pending start rejects and the program is not
 * started again.
 */
export interface ServiceOptions {
  readonly env: NodeJS.ProcessEnv
  /** Called with each line that a program prints, and with a line when it ends. */
  log(line: string): void
  /** Called when it has been ready and has ended, unless it is started again. */
  onEnd?(status: number): void
  readonly signal: AbortSignal
}

/** Returns the program and the arguments of a command: a text is a line for sh(1). */
export function wordsOf(command: string | readonly string[]): [string, ...string[]] {
  return (typeof command === 'string' ? ['sh', '-c', command] : command) as [string, ...string[]]
}

/** Thrown if a program ends, or is late, before it is ready. Its last lines follow the reason. */
export class ServiceError extends Error {
  override readonly name = 'ServiceError'

  constructor(reason: string, printed: readonly string[]) {
    const last = printed.map(line => shortened(line, LINE_CHARS)).join(' | ')
    super(last === '' ? reason : `${reason}; its last lines: ${last}`)
    // A place in this file says nothing.
    this.stack = this.message
  }
}

function shortened(text: string, length: number): string {
  const line = printable(text.trim().replaceAll(/\s+/g, ' '))
  return line.length > length ? `${line.slice(0, length)}...` : line
}

/**
 * Starts a program in a host. Settles when the program is ready. Rejects with a ServiceError if it
 * is not ready in time, or if it ends before and is not to be started again.
 */
export function startService(host: LabHost, service: Service, lab: ServiceOptions): Promise<void> {
  const { command, env, cwd, ready, restart = false } = service
  const [program, ...args] = wordsOf(command)
  const what = `${host.name}: ${shortened(typeof command === 'string' ? command : command.join(' '), COMMAND_CHARS)}`
  let printed: string[] = []
  return new Promise((resolve, reject) => {
    lab.signal.throwIfAborted()
    let isReady = false
    let again: NodeJS.Timeout | undefined
    const refuse = (reason: unknown) => {
      clearTimeout(late)
      reject(reason)
    }
    const late = setTimeout(() => {
      reject(
        new ServiceError(
          `${what}: it has printed no line with '${ready}' within ${READY_MS / 1000} s`,
          printed,
        ),
      )
    }, READY_MS)
    lab.signal.addEventListener('abort', () => {
      clearTimeout(again)
      refuse(lab.signal.reason)
    })
    const onReady = () => {
      isReady = true
      clearTimeout(late)
      resolve()
    }
    const onEnd = (status: number) => {
      if (lab.signal.aborted) return
      const text = `${what}: it has ended with status ${status}`
      if (restart || isReady) {
        lab.log(restart ? `${text}, and is started again` : text)
      }
      if (restart) {
        again = setTimeout(start, RESTART_MS)
      } else if (isReady) {
        lab.onEnd?.(status)
      } else {
        refuse(new ServiceError(`${text} before a line with '${ready}'`, printed))
      }
    }
    const start = () => {
      if (lab.signal.aborted) return
      printed = []
      const options = { env: { ...lab.env, ...env }, ...(cwd !== undefined && { cwd }) }
      // In a new session: Ctrl-C at a terminal is for the command of the lab.
      const child = host.spawn(program, args, {
        ...options,
        detached: true,
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      readLines(child, line => {
        if (ready !== undefined && line.includes(ready)) {
          onReady()
        }
        printed = [...printed, line].slice(-LAST_LINES)
        lab.log(`${host.name}: ${line}`)
      })
      if (ready === undefined) {
        child.once('spawn', onReady)
      }
      child.once('error', refuse)
      child.once('close', (status, signal) => onEnd(statusOf(status, signal)))
    }
    start()
  })
}

function readLines(
  { stdout, stderr }: ReturnType<LabHost['spawn']>,
  onLine: (line: string) => void,
): void {
  for (const input of [stdout, stderr]) {
    if (input !== null) {
      createInterface({ input }).on('line', onLine)
    }
  }
}
