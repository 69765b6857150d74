/** The process that `vnet check` starts: check-worker memory|live DIRECTORY FILE [confined]. */
import { writeSync } from 'node:fs'
import { loadDriver } from 'vnet/internal/cli/driver-file'
import { watchLockups } from 'vnet/internal/cli/lockup'
import type { CheckPlace } from '../exercise.ts'
import { ownClasses } from '../own-classes.ts'
import { runChecks } from '../run.ts'
import { type Report, strayException } from '../run-memory.ts'
import { loadExercise } from './exercise-file.ts'
import { freezeIntrinsics } from './frozen-intrinsics.ts'
import { restrictDriver } from './restrict-driver.ts'

const RESULTS = 3

const [where, directory, file, confined] = process.argv.slice(2) as [CheckPlace, string, string, string?]
const exercise = await loadExercise(directory)

// The driver gets another `process`.
const self = process
const begun: string[] = []
const { stringify } = JSON
const write = writeSync
function report(line: Report): void {
  if ('begin' in line) begun.push(line.begin)
  // Without prototypes, to which a driver could add toJSON.
  const end = 'end' in line ? { ...line.end, ...(line.end.logged && { logged: bare([...line.end.logged]) }) } : {}
  write(RESULTS, `${stringify(bare('end' in line ? { end: bare(end) } : { begin: line.begin }))}\n`)
}

function bare<T extends object>(value: T): T {
  return Object.setPrototypeOf(value, null)
}

// An exception outside of the checks, such as in a timer of the driver file's own, or a promise.
process.on('uncaughtException', error => {
  report({ end: strayException(where, begun.at(-1) ?? '', error) })
  self.exit(1)
})
// Ends the programs that live checks have started. Confined, only the launcher ends this process: a
// driver could send signals, too, and SIGUSR1 would start a debugger.
for (const signal of ['SIGTERM', 'SIGINT', 'SIGUSR1']) process.on(signal, () => confined ?? process.exit(1))

if (where === 'memory') {
  // It takes a while, which is not the driver's.
  freezeIntrinsics(await ownClasses())
  // Logs the place at which the driver does not return, before this process is ended.
  await watchLockups(file)
}
const load = () => {
  restrictDriver(file)
  return loadDriver(file)
}
await runChecks(exercise, where, { file, isConfined: confined !== undefined }, load, report)
self.exit(0)
