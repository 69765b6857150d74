import { testLive } from '../../support/course-live.ts'

await testLive('13-two-cpus')
