/** The conformance cases of TCP on a host in memory. They also run on the kernel (test/kernel). */
import { test } from 'vitest'
import { ALL } from './tcp-conformance/all-cases.ts'
import { MemoryWorld } from './tcp-conformance/memory-world.ts'
import { runCase } from './tcp-conformance/run-case.ts'

for (const one of ALL) test(one.title, () => runCase(one, new MemoryWorld(one.family, one.sysctls)))
