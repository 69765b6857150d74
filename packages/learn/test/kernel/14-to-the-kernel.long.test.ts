import { testLive } from '../support/course-live.ts'

await testLive('14-to-the-kernel')
