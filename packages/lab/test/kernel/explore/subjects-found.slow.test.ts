/** explore finds the bug of a subject; test/explore has all of them. */
import { subjects } from '../../explore/subjects.ts'
import { testSubject } from '../../support/explore/subject-tests.ts'

for (const subject of subjects) {
  if (subject.name === 'first-flight') {
    testSubject(subject)
  }
}
