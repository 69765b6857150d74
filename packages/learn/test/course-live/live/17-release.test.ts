import { testLive } from '../../support/course-live.ts'

await testLive('17-release')
