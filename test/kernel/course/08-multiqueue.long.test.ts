import { exercise } from '../../../src/course/exercises/08-multiqueue.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
