/**
 * A lab's traces outside its process: a directory for files, and the programs that its programs
 * started. If the process is killed, the next lab removes both. It finds them by the directory's
 * name, which contains the PID namespace and the process that made the lab.
 */
import { lstatSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { attempt } from 'vnet'
import { ownNamespace, type RunDirectory, readDirectories, removeQuietly } from 'vnet/kit/control'
import { makeTemporaryDirectory } from 'vnet/kit/linux'
import { isAlive, killProcesses } from './processes.ts'

const NAME = /^vnet-lab-(\d+)-(\d+)-\w+$/

/** PROC_PID_INIT_INO, the initial PID namespace, in which every process has a number. */
const INITIAL = 0xeffffffc

/** Makes the directory of a lab of this process, in the directory of temporary files. */
export function makeLabDirectory(): string {
  return makeTemporaryDirectory(`vnet-lab-${ownNamespace('pid')}-${process.pid}-`)
}

/** Removes leftovers of this user's labs if their processes have ended. */
export function removeLeftovers(hasEnded = pidNamespaceHasEnded): void {
  const here = ownNamespace('pid')
  // makeLabDirectory reports why the directory cannot be read.
  for (const name of attempt(() => readdirSync(tmpdir())) ?? []) {
    const [, namespace, pid] = NAME.exec(name) ?? []
    if (namespace === undefined) continue
    const directory = join(tmpdir(), name)
    // Others can make a directory of any name here; they cannot change what is in one of ours.
    if (!isOwn(directory)) continue
    if (Number(namespace) === here ? isAlive(Number(pid)) : !hasEnded(Number(namespace))) continue
    killProcesses({ directory })
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Removes the files by which clients found this user's vnets, if their processes have ended. */
export function removeAnnouncements(
  directories?: readonly RunDirectory[],
  hasEnded = pidNamespaceHasEnded,
): void {
  const here = ownNamespace('pid')
  // readDirectories itself removes the files of this PID namespace.
  for (const { vnet, uid, pidns } of readDirectories(directories)) {
    if (pidns === here || uid !== process.geteuid?.() || !hasEnded(pidns)) continue
    for (const file of [vnet, vnet.replace(/sock$/, 'json')]) {
      removeQuietly(file)
    }
  }
}

/**
 * Returns whether no process of a PID namespace is left. Only the initial PID namespace shows that;
 * in any other, the result is always false.
 */
export function pidNamespaceHasEnded(
  inode: number,
  own = ownNamespace('pid'),
  proc = '/proc',
): boolean {
  if (own !== INITIAL) return false
  return readdirSync(proc).every(pid => {
    if (!/^\d/.test(pid)) return true
    const namespace = attempt(() => readlinkSync(`${proc}/${pid}/ns/pid`))
    if (namespace !== undefined) return namespace !== `pid:[${inode}]`
    // Other users' processes hide their namespace, but show a number for each level of nesting.
    return !/^NSpid:(\s+\d+){2}/m.test(
      attempt(() => readFileSync(`${proc}/${pid}/status`, 'latin1')) ?? '',
    )
  })
}

function isOwn(directory: string): boolean {
  const stats = lstatSync(directory, { throwIfNoEntry: false })
  return (
    stats?.isDirectory() === true && stats.uid === process.geteuid?.() && (stats.mode & 0o077) === 0
  )
}
