import { testLive } from '../../support/course-live.ts'

await testLive('24-rx-ring')
