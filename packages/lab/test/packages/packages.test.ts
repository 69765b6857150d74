/** All packages of cases/, with the versions of package-lock.json. */
import { NAMES, testPackages } from '../support/package-cases.ts'

testPackages(NAMES)
