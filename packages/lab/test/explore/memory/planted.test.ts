/** explore finds planted bugs in small programs in memory, and nothing in their repaired twins. */
import { plantedIn, testPlanted } from '../../support/explore/planted-tests.ts'

for (const planted of await plantedIn('memory')) {
  testPlanted(planted)
}
