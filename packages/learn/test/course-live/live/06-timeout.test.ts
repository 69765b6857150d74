import { testLive } from '../../support/course-live.ts'

await testLive('06-timeout')
