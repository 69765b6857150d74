import { exercise } from '../../../src/course/exercises/05-napi.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
