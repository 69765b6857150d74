import { testLive } from '../../support/course-live.ts'

await testLive('23-tx-ring')
