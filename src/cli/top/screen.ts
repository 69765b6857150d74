/** A terminal that a command fills: its alternate screen, and its keys one by one. */
import { emitKeypressEvents } from 'node:readline'
import type { Key, Size } from './view.ts'

/** The part of `process` that is used; tests pass their own. */
export interface TerminalProcess {
  readonly stdin: TerminalInput
  readonly stdout: TerminalOutput
  readonly pid: number
  readonly env: NodeJS.ProcessEnv
  kill(pid: number, signal: NodeJS.Signals): unknown
  on(event: string, fn: () => void): unknown
  off(event: string, fn: () => void): unknown
}

interface TerminalInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean
  setRawMode?(isRaw: boolean): unknown
}

interface TerminalOutput {
  readonly isTTY?: boolean
  readonly columns?: number | undefined
  readonly rows?: number | undefined
  write(text: string): unknown
  on(event: 'resize', fn: () => void): unknown
  off(event: 'resize', fn: () => void): unknown
}

export interface Screen extends Disposable {
  readonly size: Size
  /** Shows these lines in place of those before. They hold no control characters. */
  show(lines: readonly string[]): void
}

/** The alternate screen, without a cursor; a line that is too long is cut, not continued. */
const ENTER = '\x1b[?1049h\x1b[?25l\x1b[?7l'
const LEAVE = '\x1b[?7h\x1b[?25h\x1b[?1049l'

/** True if a command can fill the terminal: it reads keys from it, and can move its cursor. */
export function isTerminal({ stdin, stdout, env }: TerminalProcess): boolean {
  return stdin.isTTY === true && stdout.isTTY === true && env.TERM !== 'dumb'
}

/**
 * Takes the terminal until the screen is disposed. Gives it back at every other end of the process,
 * too, and while it is suspended (Ctrl-Z). `changed` is called when all must be shown again.
 */
export function openScreen(process: TerminalProcess, pressed: (key: Key) => void, changed: () => void): Screen {
  const { stdin, stdout } = process
  let isOpen = false
  const enter = () => {
    isOpen = true
    stdin.setRawMode?.(true)
    stdout.write(ENTER)
  }
  const leave = () => {
    if (!isOpen) return
    isOpen = false
    stdout.write(LEAVE)
    stdin.setRawMode?.(false)
  }
  // SIGSTOP, because SIGTSTP would call this again.
  const suspend = () => {
    leave()
    process.kill(process.pid, 'SIGSTOP')
  }
  const resume = () => {
    if (!isOpen) enter()
    changed()
  }
  const onKey = (text: string | undefined, { name, ctrl }: Key) => {
    if (ctrl && name === 'z') suspend()
    else pressed({ name, ctrl, text })
  }
  // The terminal was closed: no more keys will arrive.
  const onGone = () => pressed({ name: 'c', ctrl: true })
  const signals = { exit: leave, SIGTSTP: suspend, SIGCONT: resume }
  emitKeypressEvents(stdin)
  stdin.on('keypress', onKey)
  stdin.on('end', onGone)
  // This listener remains: an error may also follow the end of the command.
  stdin.on('error', onGone)
  stdout.on('resize', changed)
  for (const [event, fn] of Object.entries(signals)) process.on(event, fn)
  enter()
  stdin.resume()
  return {
    get size() {
      return { columns: stdout.columns || 80, rows: stdout.rows || 24 }
    },
    show(lines) {
      if (isOpen) stdout.write(`\x1b[H${lines.map(line => `${line}\x1b[K`).join('\r\n')}\x1b[J`)
    },
    [Symbol.dispose]() {
      leave()
      stdin.pause()
      stdin.off('keypress', onKey)
      stdin.off('end', onGone)
      stdout.off('resize', changed)
      for (const [event, fn] of Object.entries(signals)) process.off(event, fn)
    },
  }
}
