import { testLive } from '../../support/course-live.ts'

await testLive('09-offloads')
