import { testLive } from '../../support/course-live.ts'

await testLive('25-trouble')
