import { testLive } from '../../support/course-live.ts'

await testLive('10-switch')
