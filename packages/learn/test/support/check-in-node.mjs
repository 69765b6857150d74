/**
 * node check-in-node.mjs DIRECTORY CASES: runs the checks in memory on drivers, one after the
 * other, as the worker of `vnet check` does. Prints the results of each, with the paths of drivers
 * as they are in a browser: `/drop.js`.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import { loadDriver } from '../../../../dist/cli/driver-file.js'
import { loadExercise } from '../../dist/commands/exercise-file.js'
import { Progress } from '../../dist/progress.js'
import { runMemoryChecks } from '../../dist/run-memory.js'

const COURSE = join(import.meta.dirname, '../../course')
const [directory = '', cases = ''] = process.argv.slice(2)

const all = []
for (const { name, exercise: of, text } of JSON.parse(readFileSync(cases, 'utf8'))) {
  const exercise = await loadExercise(join(COURSE, of))
  const own = join(directory, `${all.length}`)
  mkdirSync(own, { recursive: true })
  writeFileSync(join(own, 'package.json'), '{ "type": "module" }')
  const file = join(own, exercise.driver)
  writeFileSync(file, text)
  const results = []
  const titles = exercise.memory.map(({ title }) => title)
  const progress = new Progress('memory', titles, result => results.push(result))
  await runMemoryChecks(exercise, {
    load: () => loadDriver(file),
    report: line => progress.report(line),
    timers: () => process.getActiveResourcesInfo().filter(kind => kind === 'Timeout').length,
    turn: setImmediate,
  })
  progress.end()
  all.push({ name, results: JSON.parse(JSON.stringify(results).replaceAll(own, '')) })
}
process.stdout.write(JSON.stringify(all))
