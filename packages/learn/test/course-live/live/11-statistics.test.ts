import { testLive } from '../../support/course-live.ts'

await testLive('11-statistics')
