import { exercise } from '../../../src/course/exercises/06-timeout.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
