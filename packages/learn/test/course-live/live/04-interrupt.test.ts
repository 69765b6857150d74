import { testLive } from '../../support/course-live.ts'

await testLive('04-interrupt')
