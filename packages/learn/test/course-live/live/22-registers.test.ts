import { testLive } from '../../support/course-live.ts'

await testLive('22-registers')
