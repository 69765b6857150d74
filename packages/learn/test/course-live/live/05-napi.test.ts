import { testLive } from '../../support/course-live.ts'

await testLive('05-napi')
