import { testLive } from '../../support/course-live.ts'

await testLive('03-ring')
