/** The checks in memory of an exercise in a browser: the page's side of check-worker.ts. */
import type { Result } from '../exercise.ts'
import { NotChecked, Progress } from '../progress.ts'
import type { Report } from '../run-memory.ts'
import { confinedWorker, flood, silence } from './confined-worker.ts'

/** Milliseconds for one check, which takes less than a tenth of a second on a laptop. */
const LIMIT_MS = 5000
/** Calls of operations in a second. All checks of an exercise make at most 1,500. */
const CALLS_MAX = 20_000

/** The only message to check-worker.ts: the driver to check. */
export interface ToWorker {
  /** The name of the exercise, `03-ring`. */
  readonly exercise: string
  /** The text of the driver. */
  readonly text: string
  /** The place of an error in the text, `4:13`. */
  readonly syntaxError?: string | undefined
}

/**
 * The messages of check-worker.ts: reports, first the titles of all checks, at the end `done`.
 * `broken` is a defect of the worker itself.
 */
export type FromWorker =
  | Report
  | { readonly titles: readonly string[]; readonly live: readonly string[] }
  /** The operation of the driver that is called now: `startXmit (/drop.js:18)`. */
  | { readonly entered: string | undefined }
  | { readonly done: true }
  | { readonly broken: string }

/**
 * Runs the checks in memory on a driver until one fails. `url` is the bundle's check-worker.js;
 * `add` gets each result. Returns the titles of the live checks, which no browser can run. Rejects
 * with a NotChecked if the worker fails without the driver's fault, and with the signal's reason if
 * that ends the worker. The worker has ended in any case.
 */
export async function checkInBrowser(
  url: URL | string,
  { exercise, text }: Pick<ToWorker, 'exercise' | 'text'>,
  add: (result: Result) => void,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const syntaxError = await syntaxErrorIn(text)
  const { worker, end } = await confinedWorker(url)
  let progress: Progress | undefined
  let entered: string | undefined
  let live: readonly string[] = []
  let silent: ReturnType<typeof silence> | undefined
  try {
    signal?.throwIfAborted()
    await new Promise<void>((resolve, reject) => {
      const limit = silence(ms => {
        progress?.failLoop(ms / 1000, entered)
        resolve()
      })
      silent = limit
      const stop = (why: string) =>
        reject(new NotChecked(`the checks of ${exercise} ended: ${why}`))
      signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
      worker.addEventListener('error', event => stop(event.message ?? `${url} does not load`))
      const isFlood = flood(CALLS_MAX)
      worker.addEventListener('message', (event: MessageEvent<FromWorker>) => {
        const { data } = event
        if (isFlood(event)) return stop('the driver calls its operations without end')
        if ('entered' in data) {
          entered = data.entered
          return
        }
        limit.restart(LIMIT_MS)
        if ('titles' in data) {
          progress = new Progress('memory', data.titles, add)
          live = data.live
        } else if ('broken' in data) {
          stop(data.broken)
        } else if ('done' in data) {
          resolve()
        } else {
          progress?.report(data)
        }
      })
      worker.postMessage({ exercise, text, syntaxError } satisfies ToWorker)
    })
  } finally {
    silent?.stop()
    end()
  }
  progress?.end()
  return live
}

/** No page has a module of that name, so a text after it does not run. */
const NAME = 'checked-in-a-worker'
const GUARD = `import '${NAME}';`

/** Returns the line and column of a syntax error, which engines report to pages, not to workers. */
export async function syntaxErrorIn(text: string): Promise<string | undefined> {
  const url = URL.createObjectURL(new Blob([GUARD, text], { type: 'text/javascript' }))
  const script = Object.assign(document.createElement('script'), { type: 'module', src: url })
  let place: string | undefined
  const note = (event: ErrorEvent): void => {
    const { filename, message, error, lineno, colno } = event
    if (filename !== url && !message.includes(NAME)) return
    event.preventDefault()
    if (error instanceof SyntaxError) {
      place = `${lineno}:${lineno === 1 ? colno - GUARD.length : colno}`
    }
  }
  addEventListener('error', note)
  await new Promise(resolve => {
    for (const end of ['load', 'error']) {
      script.addEventListener(end, resolve)
    }
    document.head.append(script)
  })
  removeEventListener('error', note)
  script.remove()
  URL.revokeObjectURL(url)
  return place
}
