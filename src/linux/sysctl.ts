/** Settings of a network namespace under /proc/sys. */
import { readSync, writeSync } from 'node:fs'
import { ENOENT, EROFS } from '../base/errno.ts'
import { check, closeFd, closing } from './errno.ts'
import type { Native } from './native.ts'
import { READ_ONLY_SYSCTL } from './requirements.ts'
import { O_RDONLY, O_WRONLY } from './uapi.ts'

/** Returns a setting: `net/ipv4/conf/lo/rp_filter`. Throws a VnetError, ENOENT if unknown. */
export function readSysctl(native: Native, nsfd: number, name: string): string {
  const path = `/proc/sys/${name}`
  return closing(native, check(native.open(path, O_RDONLY, nsfd), ['open', path]), fd => {
    const bytes = Buffer.alloc(64)
    return bytes.toString('latin1', 0, readSync(fd, bytes)).trim()
  })
}

/** Whether the kernel has a setting. */
export function hasSysctl(native: Native, nsfd: number, name: string): boolean {
  const fd = native.open(`/proc/sys/${name}`, O_RDONLY, nsfd)
  if (fd >= 0) {
    closeFd(native, fd)
  }
  return fd !== -ENOENT
}

/** Throws a VnetError if it may not be changed. */
export function writeSysctl(native: Native, nsfd: number, name: string, value: string): void {
  const path = `/proc/sys/${name}`
  const opened = native.open(path, O_WRONLY, nsfd)
  const fd = check(opened, ['open', path], opened === -EROFS ? READ_ONLY_SYSCTL : undefined)
  closing(native, fd, () => writeSync(fd, value))
}
