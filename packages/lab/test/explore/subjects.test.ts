/** explore finds the bugs of all subjects. */
import { testSubject } from '../support/explore/subject-tests.ts'
import { subjects } from './subjects.ts'

for (const subject of subjects) {
  testSubject(subject)
}
