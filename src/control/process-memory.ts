/**
 * The memory of another process (proc(5), /proc/PID/mem). We may be root, and who asks may not: he is shown memory only of a process that is
 * wholly his own user's. Whose it is the owner of the file tells, who is root for a process that gained rights (setuid). Root, who may
 * have any, needs no file for it (process_vm_readv(2)).
 */
import { closeSync, openSync, readSync, statSync, writeSync } from 'node:fs'
import { EFAULT } from '../core/errno.ts'
import type { UserMemory } from '../core/user-data.ts'
import type { Native } from '../kernel/native.ts'

const ROOT = 0

export class ProcessMemory implements UserMemory {
  readonly #pid: number
  readonly #uid: number
  readonly #native: Native | undefined
  #fd: number | undefined

  /** `uid` is who asks. The process is looked for when its memory is: most ioctls use none. */
  constructor(pid: number, uid: number, native?: Native) {
    this.#pid = pid
    this.#uid = uid
    if (uid === ROOT) this.#native = native
  }

  read(address: bigint, into: Uint8Array): number {
    if (this.#native !== undefined) return whole(this.#native.processVmReadv(this.#pid, address, into), into)
    return this.#whole(address, into.length, (fd, at) => readSync(fd, into, 0, into.length, at))
  }

  write(address: bigint, from: Uint8Array): number {
    if (this.#native !== undefined) return whole(this.#native.processVmWritev(this.#pid, address, from), from)
    return this.#whole(address, from.length, (fd, at) => writeSync(fd, from, 0, from.length, at))
  }

  [Symbol.dispose](): void {
    if (this.#fd !== undefined) closeSync(this.#fd)
    this.#fd = undefined
  }

  #whole(address: bigint, length: number, access: (fd: number, at: number) => number): number {
    if (length === 0) return 0
    // Above it there is no memory of processes.
    if (address + BigInt(length) > BigInt(Number.MAX_SAFE_INTEGER)) return -EFAULT
    try {
      this.#fd ??= this.#open()
      return access(this.#fd, Number(address)) === length ? 0 : -EFAULT
    } catch {
      return -EFAULT
    }
  }

  #open(): number {
    const file = `/proc/${this.#pid}/mem`
    const fd = openSync(file, 'r+')
    // Looked at once it is open: the process that we have may have become another's only after that, by a file that is closed to it then.
    if (this.#uid !== ROOT && statSync(file).uid !== this.#uid) {
      closeSync(fd)
      throw new Error(`process ${this.#pid} is not of user ${this.#uid}`)
    }
    return fd
  }
}

function whole(count: number, { length }: Uint8Array): number {
  return count === length ? 0 : -EFAULT
}
