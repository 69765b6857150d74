/** The conformance cases of TCP that wait for a second or more, on the kernel of this machine. */
import { testOnKernel } from '../tcp-conformance/kernel-run.ts'

testOnKernel(true)
