import { testLive } from '../../support/course-live.ts'

await testLive('07-ioctl')
