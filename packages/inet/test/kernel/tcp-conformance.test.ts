/** The conformance cases of TCP on the kernel of this machine. */
import { ALL, isSlow } from '../tcp-conformance/all-cases.ts'
import { testOnKernel } from '../tcp-conformance/kernel-run.ts'

testOnKernel(ALL.filter(one => !isSlow(one)))
