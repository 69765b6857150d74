import { testLive } from '../../support/course-live.ts'

await testLive('15-broken')
