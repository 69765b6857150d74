import { exercise } from '../../../src/course/exercises/02-mirror.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
