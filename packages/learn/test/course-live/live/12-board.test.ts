import { testLive } from '../../support/course-live.ts'

await testLive('12-board')
