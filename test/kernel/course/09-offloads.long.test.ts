import { exercise } from '../../../src/course/exercises/09-offloads.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
