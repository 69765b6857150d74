import { testLive } from '../../support/course-live.ts'

await testLive('08-multiqueue')
