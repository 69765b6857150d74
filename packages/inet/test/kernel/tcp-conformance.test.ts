/** The conformance cases of TCP on the kernel of this machine. */
import { testOnKernel } from '../tcp-conformance/kernel-run.ts'

testOnKernel(false)
