/** Where the leases of a program are kept that nobody gave a file. */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EINVAL, isErrno } from '../core/errno.ts'
import type { Log } from '../core/log.ts'
import type { LeaseStore } from '../segment/dhcp/lease.ts'
import { leasesFile } from './leases-file.ts'

export const STATE_DIRECTORY = '/var/lib/vnet'

/** Of network namespaces (ip-netns(8)). */
const NAMED = '/run/netns'

/** Forgets them at the end. */
const FORGETFUL: LeaseStore = { load: () => [], save: () => undefined }

/**
 * A file by the name of the interface, or none: interfaces of one name are in several network namespaces, so only those of the first,
 * which is there first, have files.
 */
export function usualLeases(name: string, netns: string | undefined, log: Log): LeaseStore {
  if (netns !== undefined || !isFirstNamespace()) return FORGETFUL
  return leasesFileIfAny(`${STATE_DIRECTORY}/${name}.leases`, log)
}

/** A file that is made with its directory; where there can be none, `load` says so, and leases are forgotten at the end. */
export function leasesFileIfAny(path: string, log: Log): LeaseStore {
  const file = leasesFile(path)
  let store = file
  return {
    load() {
      try {
        mkdirSync(dirname(path), { recursive: true })
        return file.load()
      } catch (error) {
        // It is there, but broken.
        if (isErrno(error, EINVAL)) throw error
        log.warn(`leases are forgotten at the end: ${(error as Error).message}`)
        store = FORGETFUL
        return []
      }
    },
    save: leases => store.save(leases),
  }
}

/** Whether the program is in the network namespace of process 1; where that may not be asked, in none that has a name. */
function isFirstNamespace(): boolean {
  const own = statSync('/proc/thread-self/ns/net').ino
  try {
    return statSync('/proc/1/ns/net').ino === own
  } catch {
    const names = existsSync(NAMED) ? readdirSync(NAMED) : []
    return !names.some(name => statSync(`${NAMED}/${name}`, { throwIfNoEntry: false })?.ino === own)
  }
}
