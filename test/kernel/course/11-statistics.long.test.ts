import { exercise } from '../../../src/course/exercises/11-statistics.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
