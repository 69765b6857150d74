/** Processes that a lab has to end: programs may have started others, which outlive them. */
import { fstatSync, readdirSync, readFileSync, statSync } from 'node:fs'

/** How often processes are looked for: one may start another while it is being killed. */
const ROUNDS = 10

/** Kills every process in the network namespace of a descriptor. */
export function killProcessesIn(nsfd: number): void {
  const { dev, ino } = fstatSync(nsfd)
  killThose(pid => {
    const namespace = statSync(`/proc/${pid}/ns/net`)
    return namespace.ino === ino && namespace.dev === dev
  })
}

/** Kills every process that sees a file of the lab directory `name` in its own /etc. */
export function killProcessesOf(name: string): void {
  killThose(pid => readFileSync(`/proc/${pid}/mountinfo`, 'utf8').includes(`/${name}/`))
}

function killThose(matches: (pid: number) => boolean): void {
  for (let round = 0; round < ROUNDS; round++) {
    const found = readdirSync('/proc')
      .map(Number)
      .filter(pid => pid > 0 && pid !== process.pid && attempt(() => matches(pid)))
    if (found.length === 0) return
    for (const pid of found) attempt(() => process.kill(pid, 'SIGKILL'))
  }
}

/** Returns false for a process that has ended, or that we may not look at. */
function attempt(fn: () => boolean): boolean {
  try {
    return fn()
  } catch {
    return false
  }
}
