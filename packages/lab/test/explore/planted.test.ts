/** explore finds planted bugs of real programs, and nothing in their repaired twins. */
import { beforeAll } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { plantedIn, testPlanted } from '../support/explore/planted-tests.ts'
import { buildPrograms } from './planted/programs.ts'

const directory = fileDirectory()
beforeAll(() => buildPrograms(directory), 300_000)

for (const planted of await plantedIn('kernel')) {
  testPlanted(planted)
}
