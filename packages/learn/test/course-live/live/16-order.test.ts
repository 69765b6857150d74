import { testLive } from '../../support/course-live.ts'

await testLive('16-order')
