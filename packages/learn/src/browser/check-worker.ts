/** The worker of `checkInBrowser`: runs the checks in memory of one exercise on one driver. */

// In time: a first check that waits for the network would look like a driver that does not return.
import 'vnet/kit/debug'
import { messageOrDescription } from 'vnet/kit/base'
import { functionPlace } from 'vnet/kit/debug'
import type { ExerciseDefinition, LiveCheck, MemoryCheck } from '../exercise.ts'
import { type Report, runMemoryChecks, strayException } from '../run-memory.ts'
import type { FromWorker, ToWorker } from './check.ts'
import { restrictGlobals } from './confined-worker.ts'
import { driverOf, loadImports } from './driver-module.ts'

// The driver may replace them.
const { setTimeout: later, clearTimeout: cancel, setInterval: repeat } = globalThis
const send: (message: FromWorker) => void = postMessage.bind(globalThis)

const start = ({ data }: MessageEvent<ToWorker>) => {
  check(data).catch((error: unknown) => send({ broken: messageOrDescription(error) }))
}
// Once: a driver can dispatch events.
addEventListener('message', start, { once: true })

async function check({ exercise: name, text, syntaxError }: ToWorker): Promise<void> {
  const { exercise } = (await import(new URL(`exercises/${name}.js`, import.meta.url).href)) as {
    exercise: ExerciseDefinition
  }
  await loadImports(text)
  restrictGlobals()
  const titlesOf = (checks: readonly (MemoryCheck | LiveCheck)[]) =>
    checks.map(({ title }) => title)
  send({ titles: titlesOf(exercise.memory), live: titlesOf(exercise.live) })
  let current = ''
  const report = (line: Report): void => {
    if ('begin' in line) {
      current = line.begin
    }
    send(line)
  }
  const stray = (event: Event, error: unknown): void => {
    event.preventDefault()
    report({ end: strayException('memory', current, error) })
    send({ done: true })
  }
  addEventListener('error', event => stray(event, event.error))
  addEventListener('unhandledrejection', event => stray(event, event.reason))
  const timers = countTimers()
  await runMemoryChecks(
    { ...exercise, name, directory: '/' },
    {
      load: () => driverOf(text, `/${exercise.driver}`, syntaxError),
      report,
      entered: operation => send({ entered: operation && placeOf(operation) }),
      timers: () => timers.size,
      turn: () => new Promise(resolve => later(resolve)),
    },
  )
  send({ done: true })
}

/** The texts of operations, which are found once: a check calls some of them thousands of times. */
const places = new Map<unknown, string>()

/** Returns `startXmit (/drop.js:18)`. */
function placeOf({ name, code }: { readonly name: string; readonly code: unknown }): string {
  const known = places.get(code)
  if (known !== undefined) return known
  const own = typeof code === 'function' ? code.name : ''
  const place = functionPlace(code)
  const text = `${own || name}${place === undefined ? '' : ` (${place})`}`
  places.set(code, text)
  return text
}

/** Returns the timers that run: a browser does not list them. */
function countTimers(): ReadonlySet<unknown> {
  const running = new Set<unknown>()
  const end = (id?: number): void => {
    running.delete(id)
    cancel(id)
  }
  const counting =
    (begin: (call: () => void, ms?: number) => unknown, isOnce: boolean) =>
    (call: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
      const id = begin(() => {
        if (isOnce) {
          running.delete(id)
        }
        call(...args)
      }, ms)
      running.add(id)
      return id
    }
  const counted = { setTimeout: counting(later, true), setInterval: counting(repeat, false) }
  Object.assign(globalThis, counted, { clearTimeout: end, clearInterval: end })
  return running
}
