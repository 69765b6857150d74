import { testLive } from '../../support/course-live.ts'

await testLive('20-ping')
