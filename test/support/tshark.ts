/** The real tshark: as a reader of files without complaints, and capturing by extcap. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { expect } from 'vitest'

/** What tshark says first to root. */
const AS_ROOT = /^Running as user "root" and group "root"\. This could be dangerous\.\n/

/** Runs a program that reads captures. Returns its output; it must succeed without a complaint. */
export function readCapture(command: string, ...args: string[]): string {
  const options = { encoding: 'utf8', maxBuffer: 1 << 28 } as const
  const { status, stdout, stderr } = spawnSync(command, args, options)
  expect([command, status, stderr.replace(AS_ROOT, '')]).toEqual([command, 0, ''])
  return stdout
}

/** Returns the fields of the packets of a file that a display filter matches. */
export function packetFields<F extends string>(
  file: string,
  fields: readonly F[],
  filter = '',
): Record<F, string>[] {
  const chosen = fields.flatMap(field => ['-e', field])
  const text = readCapture(
    'tshark',
    '-n',
    '-r',
    file,
    '-Y',
    filter,
    '-T',
    'fields',
    '-E',
    'separator=/t',
    ...chosen,
  )
  const rows = text.split('\n').slice(0, -1)
  return rows.map(row => {
    const values = row.split('\t')
    return Object.fromEntries(fields.map((field, i) => [field, values[i] ?? ''])) as Record<
      F,
      string
    >
  })
}

/** How tshark ended. */
export interface TsharkEnded {
  readonly status: number | null
  /** Without the lines about the start of the capture and its number of packets. */
  readonly complaint: string
}

/** A capture by tshark. */
export interface Tshark {
  /** Settles when it captures. Rejects if it ends first. */
  readonly started: Promise<void>
  readonly ended: Promise<TsharkEnded>
  /** Ends it as Ctrl-C does. */
  stop(): Promise<TsharkEnded>
}

/** Starts `WITHIN tshark ARGS`. */
export function startTshark(within: readonly string[], ...args: string[]): Tshark {
  const [command, ...rest] = [...within, 'tshark', ...args] as [string, ...string[]]
  // A group of its own: a signal reaches tshark past the programs that start it.
  const child: ChildProcess = spawn(command, rest, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  })
  let stderr = ''
  let look = () => {}
  child.stderr?.setEncoding('utf8').on('data', text => {
    stderr += text
    look()
  })
  const ended = new Promise<TsharkEnded>((resolve, reject) => {
    child.on('error', reject).on('close', status => {
      const expected = /^(Running as|Capturing on|.*Main MESSAGE|\d+ packets? captured|tshark: $|$)/
      resolve({
        status,
        complaint: stderr
          .split('\n')
          .filter(line => !expected.test(line))
          .join('\n'),
      })
    })
  })
  const started = new Promise<void>((resolve, reject) => {
    look = () => {
      if (stderr.includes('Capture started')) {
        resolve()
      }
    }
    ended.then(({ complaint }) => reject(new Error(`tshark ended: ${complaint}`)), reject)
  })
  started.catch(() => {})
  return {
    ended,
    started,
    stop() {
      child.kill('SIGINT')
      return ended
    },
  }
}
