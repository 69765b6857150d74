import { exercise } from '../../../src/course/exercises/07-ioctl.ts'
import { testLive } from '../../support/course-live.ts'

await testLive(exercise)
