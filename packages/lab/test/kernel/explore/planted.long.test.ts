/** explore finds a planted bug of a program in the kernel; test/explore has all of them. */
import { plantedIn, testPlanted } from '../../support/explore/planted-tests.ts'

for (const planted of await plantedIn('kernel')) {
  if (planted.name === 'half-written-file') {
    testPlanted(planted)
  }
}
