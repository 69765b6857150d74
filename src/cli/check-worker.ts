/** The process that `vnet check` starts: check-worker memory|live EXERCISE FILE. */
import { readFileSync, writeSync } from 'node:fs'
import { describeException } from '../base/exception.ts'
import { type CheckPlace, resultOf } from '../course/exercise.ts'
import { exercises } from '../course/exercises/index.ts'
import { type Report, runChecks } from '../course/run.ts'
import { loadDriver } from './driver-file.ts'
import { LockupWatch } from './lockup.ts'

const [where, name, file] = process.argv.slice(2) as [CheckPlace, string, string]
const exercise = exercises.find(each => each.name === name)
if (exercise === undefined) throw new Error(`${name} is no exercise`)

// Standard output is for the reports. The driver's own output is for the learner.
process.stdout.write = process.stderr.write.bind(process.stderr)

const begun: string[] = []
// Read before the driver is loaded: a line that the driver prints has no secret.
const secret = readFileSync(0, 'latin1')
const { stringify } = JSON
const write = writeSync
function report(line: Report): void {
  if ('begin' in line) begun.push(line.begin)
  write(1, `${secret}${stringify(line)}\n`)
}

// An exception outside of the checks, such as in a timer of the driver file's own, or a promise.
process.on('uncaughtException', error => {
  const title = begun.at(-1) ?? ''
  const seen = describeException(error)
  const expected = 'no exception outside of the functions that vnet calls, in a timer or a promise'
  report({ end: resultOf(where, { title }, { seen, expected }) })
  process.exit(1)
})
// Ends the programs that live checks have started.
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(1))

if (where === 'memory') {
  try {
    // Logs the place at which the driver does not return, before this process is ended.
    await new LockupWatch().startFile(file)
  } catch {
    // Without the addon the explanation has no place.
  }
}
await runChecks(exercise, where, file, () => loadDriver(file), report)
process.exit(0)
