/**
 * The process that `vnet check --kernel` starts, in namespaces of its own: kernel-worker DIRECTORY
 * JOB. It prints each result as a line of JSON. The learner's code runs in the machine only.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import type { KernelJob } from '../course/kernel/check.ts'
import { runInGuest, startGuest } from '../course/kernel/check.ts'
import { runEach, silenceIpv6 } from '../course/run.ts'
import { loadNative } from '../linux/native.ts'
import { loadExercise } from './exercise-file.ts'

const [directory = '', path = ''] = process.argv.slice(2)
const exercise = await loadExercise(directory)

// Also when vnet is killed, which ends the machine with this process.
loadNative().dieWithParent()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(signal, () => process.exit(1))

const job = JSON.parse(readFileSync(path, 'utf8')) as KernelJob
silenceIpv6()
// Otherwise TCP shortens its frames on a slow link, such as that to a machine without KVM. A pacing
// congestion control, such as bbr, would always do so.
writeFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'reno')
writeFileSync('/proc/sys/net/ipv4/tcp_min_tso_segs', '40')
const guest = startGuest(job)
const report = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`)
await runEach(exercise.live, check => runInGuest(check, guest, job), report)
await guest.close()
process.exit(0)
