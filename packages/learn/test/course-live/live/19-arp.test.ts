import { testLive } from '../../support/course-live.ts'

await testLive('19-arp')
