/** Runs the program in this process: to its end, or until a test ends it. */

import { main } from '#src/cli/main.ts'
import type { End, Io } from '#src/cli/process/io.ts'
import type { Ended } from './vnet-process.ts'

/** Runs `vnet ARGS` to its end, and returns its output. */
export function runMain(...args: readonly string[]): Promise<Ended> {
  return run(args)
}

/** Starts `vnet ARGS` in this process. */
export function startMain(...args: readonly string[]): Going {
  return start(args)
}

/**
 * Returns the same two functions for commands that find the vnets in `directory`, and none of the
 * machine's; `users` are the others with vnets.
 */
export function mainIn(directory: string, users: readonly number[] = []) {
  const find = { directory, users }
  return {
    runMain: (...args: readonly string[]) => run(args, find),
    startMain: (...args: readonly string[]) => start(args, find),
  }
}

async function run(args: readonly string[], find?: Io['find']): Promise<Ended> {
  const text = { stdout: '', stderr: '' }
  const io: Io = {
    out(more) {
      text.stdout += more
    },
    err(more) {
      text.stderr += more
    },
    onEnd: () => () => {},
    find,
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

function start(args: readonly string[], find?: Io['find']): Going {
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
    find,
  }
  const ended = main(args, io).then(status => ({ status, ...text }))
  return {
    text,
    ended,
    until: enough =>
      new Promise((resolve, reject) => {
        look = () => {
          if (enough(text.stdout)) {
            resolve()
          }
        }
        look()
        ended.then(() => reject(new Error(`it ended: ${text.stdout}${text.stderr}`)), reject)
      }),
    end(how = { signal: 'SIGINT' }) {
      for (const end of [...ends]) {
        end(how)
      }
      return ended
    },
    close() {
      for (const fn of [...closed]) {
        fn()
      }
    },
  }
}
