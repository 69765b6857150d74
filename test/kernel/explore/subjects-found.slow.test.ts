/** explore finds the bugs of two subjects; test/explore has all of them. */
import { subjects } from '../../explore/subjects.ts'
import { testSubject } from '../../support/explore/subject-tests.ts'

const FEW = ['duplicate-transfer', 'first-flight']
for (const subject of subjects) if (FEW.includes(subject.name)) testSubject(subject)
