/** The process of `vnet check --kernel`: kernel-worker DIRECTORY TASK. It prints JSON lines. */
import { writeFileSync } from 'node:fs'
import { loadNative } from 'vnet/kit/linux'
import { type KernelTask, prepare, runInGuest } from '../kernel/check.ts'
import { Guest } from '../kernel/guest.ts'
import { silenceIpv6 } from '../run.ts'
import { type Report, runEach } from '../run-memory.ts'
import { loadExercise } from './exercise-file.ts'

const [directory = '', task = ''] = process.argv.slice(2)
const exercise = await loadExercise(directory)

// Also when vnet is killed, which ends the machine with this process.
loadNative().dieWithParent()
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP']) {
  process.on(signal, () => process.exit(1))
}

const report = (line: Report) => process.stdout.write(`${JSON.stringify(line)}\n`)
// The namespace has a /run of its own in memory. The kernel frees it, also after SIGKILL.
const job = prepare(JSON.parse(task) as KernelTask, '/run', line =>
  process.stderr.write(`${line}\n`),
)
if ('result' in job) {
  report({ end: job })
  process.exit(0)
}
silenceIpv6()
// Otherwise TCP shortens its frames on a slow link, or with a pacing congestion control.
writeFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'reno')
writeFileSync('/proc/sys/net/ipv4/tcp_min_tso_segs', '40')
const guest = new Guest(job)
await runEach(exercise.live, check => runInGuest(check, guest, job), report)
await guest.close()
process.exit(0)
