/**
 * A lab's traces outside its process: a directory for files, and programs that its programs
 * started. If the process is killed, the next lab removes both. It finds them by the directory's
 * name, which contains the PID namespace and the process that made the lab.
 */
import { lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { isAlive, killProcesses } from './processes.ts'

const NAME = /^vnet-lab-(\d+)-(\d+)-\w+$/

/** Makes the directory of a lab of this process, in the directory of temporary files. */
export function makeLabDirectory(): string {
  return mkdtempSync(join(tmpdir(), `vnet-lab-${pidNamespace()}-${process.pid}-`))
}

/** Removes leftovers of this user's labs if their processes have ended. */
export function removeLeftovers(): void {
  const here = pidNamespace()
  for (const name of readdirSync(tmpdir())) {
    const [, namespace, pid] = NAME.exec(name) ?? []
    if (Number(namespace) !== here || isAlive(Number(pid))) continue
    const directory = join(tmpdir(), name)
    // Others can make a directory of any name here; they cannot change what is in one of ours.
    if (!isOwn(directory)) continue
    killProcesses({ directory })
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Returns the inode of the PID namespace: in another one, numbers mean other processes. */
function pidNamespace(): number {
  return statSync('/proc/self/ns/pid').ino
}

function isOwn(directory: string): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  return stats?.isDirectory() === true && stats.uid === process.geteuid?.() && (stats.mode & 0o077) === 0
}
