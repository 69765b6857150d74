import { exercise } from '../../../src/course/exercises/03-ring.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
