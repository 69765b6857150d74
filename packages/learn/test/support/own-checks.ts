import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { COURSE } from '../../src/folder.ts'

/**
 * Makes a student's directory, in `directory`, with a program as an exercise's checks, which writes
 * the file `done`.
 */
export function attack(directory: string): { readonly own: string; readonly done: string } {
  const own = join(directory, 'students/y/21-sample')
  const done = join(directory, 'done')
  const checks = join(directory, 'students/y/checks')
  mkdirSync(own, { recursive: true })
  cpSync(join(COURSE, '01-drop'), checks, { recursive: true })
  cpSync(join(COURSE, '01-drop/solution.js'), join(own, 'drop.js'))
  const program = `import { writeFileSync } from 'node:fs'\nwriteFileSync(${JSON.stringify(done)}, '')\n`
  writeFileSync(
    join(checks, 'exercise.js'),
    `${program}${readFileSync(join(COURSE, '01-drop/exercise.js'), 'utf8')}`,
  )
  writeFileSync(
    join(own, 'package.json'),
    JSON.stringify({ type: 'module', vnet: { exercise: checks } }),
  )
  return { own, done }
}
