/** The conformance cases of TCP that wait for a second or more, on the kernel of this machine. */
import { ALL, isSlow } from '../tcp-conformance/all-cases.ts'
import { testOnKernel } from '../tcp-conformance/kernel-run.ts'

testOnKernel(ALL.filter(isSlow))
