/** The program run to its end in this process: for what ends by itself. */
import type { End, Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { Ended } from './vnet-process.ts'

/** Runs `vnet ARGS` as a user would, and gives what it wrote. */
export async function runMain(...args: readonly string[]): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  const io: Io = {
    out(more) {
      text.stdout += more
    },
    err(more) {
      text.stderr += more
    },
    onEnd: () => () => {},
  }
  return { status: await main(args, io), ...text }
}

/** A command that goes on until it is told to end. */
export interface Going {
  /** What it has written so far. */
  readonly text: { readonly stdout: string; readonly stderr: string }
  /** Settles when what it has written satisfies `enough`. Rejects when it ends before. */
  until(enough: (stdout: string) => boolean): Promise<void>
  /** Asks it to end, as a signal does unless something else is said. */
  end(how?: End): Promise<Ended>
  /** What it writes is read no more. */
  close(): void
  readonly ended: Promise<Ended>
}

/** Begins `vnet ARGS` in this process. */
export function startMain(...args: readonly string[]): Going {
  const text = { stdout: '', stderr: '' }
  const ends = new Set<(how: End) => void>()
  const closed = new Set<() => void>()
  let look = () => {}
  const io: Io = {
    out(more) {
      text.stdout += more
      look()
    },
    err(more) {
      text.stderr += more
    },
    onEnd(fn) {
      ends.add(fn)
      return () => ends.delete(fn)
    },
    onClosed(fn) {
      closed.add(fn)
      return () => closed.delete(fn)
    },
  }
  const ended = main(args, io).then(status => ({ status, ...text }))
  return {
    text,
    ended,
    until: enough =>
      new Promise((resolve, reject) => {
        look = () => {
          if (enough(text.stdout)) resolve()
        }
        look()
        ended.then(() => reject(new Error(`it ended: ${text.stdout}${text.stderr}`)), reject)
      }),
    end(how = { signal: 'SIGINT' }) {
      for (const end of [...ends]) end(how)
      return ended
    },
    close() {
      for (const fn of [...closed]) fn()
    },
  }
}
