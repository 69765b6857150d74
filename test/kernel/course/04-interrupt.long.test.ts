import { exercise } from '../../../src/course/exercises/04-interrupt.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
