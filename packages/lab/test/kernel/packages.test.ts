/** Three packages that run on hosts unmodified; `npm run test:packages` tests all. */
import { testPackages } from '../support/package-cases.ts'

testPackages(['got', 'mqtt', 'ws'], '--omit=dev')
