import { testLive } from '../../support/course-live.ts'

await testLive('21-udp')
