/** Runs the program in this process: to its end, or until a test ends it. */
import type { End, Io } from '../../src/cli/io.ts'
import { main } from '../../src/cli/main.ts'
import type { Ended } from './vnet-process.ts'

/** Runs `vnet ARGS` to its end, and returns its output. */
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

/** A command that runs until it is ended. */
export interface Going {
  /** The output so far. */
  readonly text: { readonly stdout: string; readonly stderr: string }
  /** Settles when the output satisfies `enough`. Rejects if the command ends first. */
  until(enough: (stdout: string) => boolean): Promise<void>
  /** Ends it, by default like a signal. */
  end(how?: End): Promise<Ended>
  /** Closes the reading end of its output. */
  close(): void
  readonly ended: Promise<Ended>
}

/** Starts `vnet ARGS` in this process. */
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
      look()
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
