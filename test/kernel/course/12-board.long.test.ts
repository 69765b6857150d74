import { exercise } from '../../../src/course/exercises/12-board.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
