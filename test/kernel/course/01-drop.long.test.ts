import { exercise } from '../../../src/course/exercises/01-drop.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
