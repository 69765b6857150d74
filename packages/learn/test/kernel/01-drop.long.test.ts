import { testLive } from '../support/course-live.ts'

await testLive('01-drop')
