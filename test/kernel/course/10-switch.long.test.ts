import { exercise } from '../../../src/course/exercises/10-switch.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
