/** The cases of conformance on a host in memory that tcp-conformance.test.ts leaves out. */

import { readTable } from '@vnet/conform'
import { isExample, testInMemory } from './tcp-conformance/memory-run.ts'

testInMemory(readTable().flatMap(({ cases }) => cases.filter((_, place) => !isExample(place))))
