/** Chooses the store of DHCP leases if no file is given (`--leases`). */
import { existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EINVAL, explain, isErrno } from 'vnet/internal/base/errno'
import type { Log } from 'vnet/internal/base/log'
import type { LeaseStore } from './dhcp/lease.ts'
import { leasesFile } from './leases-file.ts'

export const STATE_DIRECTORY = '/var/lib/vnet'

/** Named network namespaces (ip-netns(8)). */
const NAMESPACES = '/run/netns'

/** Keeps leases until the program ends. */
const NO_STORE: LeaseStore = { load: () => [], save: () => undefined }

/**
 * A file named after the interface. Other network namespaces may have interfaces of the same name,
 * so only interfaces of the initial one have files.
 */
export function usualLeases(name: string, netns: string | undefined, log: Log): LeaseStore {
  if (netns !== undefined || !isInitialNamespace()) return NO_STORE
  return leasesFileIfAny(`${STATE_DIRECTORY}/${name}.leases`, log)
}

/**
 * A file, created with its directory. If that fails, load() logs it, once, and nothing is stored
 * from then on.
 */
export function leasesFileIfAny(path: string, log: Log): LeaseStore {
  const file = leasesFile(path)
  let store = file
  return {
    load() {
      if (store === NO_STORE) return []
      try {
        mkdirSync(dirname(path), { recursive: true })
        return file.load()
      } catch (error) {
        // The file exists but is malformed.
        if (isErrno(error, EINVAL)) throw error
        log.warn(`leases are not stored: ${explain(error as Error)}`)
        store = NO_STORE
        return []
      }
    },
    save: leases => store.save(leases),
  }
}

/** Compares namespaces with process 1; if it may not, any unnamed namespace counts. */
function isInitialNamespace(): boolean {
  const own = statSync('/proc/thread-self/ns/net').ino
  try {
    return statSync('/proc/1/ns/net').ino === own
  } catch {
    const names = existsSync(NAMESPACES) ? readdirSync(NAMESPACES) : []
    return !names.some(name => statSync(`${NAMESPACES}/${name}`, { throwIfNoEntry: false })?.ino === own)
  }
}
