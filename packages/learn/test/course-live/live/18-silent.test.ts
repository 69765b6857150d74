import { testLive } from '../../support/course-live.ts'

await testLive('18-silent')
