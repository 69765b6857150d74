/** The commands of the course. Each loads its code when it runs. */
import { commandsOf, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { wholeNumber } from 'vnet/internal/cli/parse/options'
import { courseNames } from '../folder.ts'
import texts from './commands.json' with { type: 'json' }

export const commands: readonly LazyCommand[] = commandsOf(
  texts,
  {
    learn: async (io, name, options) => (await import('./learn.ts')).learn(name, options, io),
    check: async (io, paths, options) => (await import('./check.ts')).check(paths, options, io),
    grade: async (io, students, options) => (await import('./grade.ts')).gradeStudents(students, options, io),
  },
  { '--jobs <n>': wholeNumber(1, 1000) },
)
for (const { name, args = [] } of commands)
  for (const arg of args) arg.offered = name === 'grade' ? () => [] : courseNames
