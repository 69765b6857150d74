import { testLive } from '../../support/course-live.ts'

await testLive('02-mirror')
