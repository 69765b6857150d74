/** The hardware address of a port that nobody gave one: the same each time, by its name and the machine. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'

const LOCALLY_ADMINISTERED = 0x02
const GROUP = 0x01

/** Six octets, the first three `oui` if it is given, else a locally administered address. */
export function portAddress(name: string, oui?: Uint8Array): Uint8Array {
  const digest = createHash('sha256').update(`${machineId()}\n${name}`).digest()
  const address = Uint8Array.from(digest.subarray(0, 6))
  if (oui === undefined) address[0] = (address[0] & ~GROUP) | LOCALLY_ADMINISTERED
  else address.set(oui)
  return address
}

/** machine-id(5); where there is none, the host's name. */
function machineId(): string {
  for (const path of ['/etc/machine-id', '/var/lib/dbus/machine-id']) {
    try {
      const id = readFileSync(path, 'utf8').trim()
      if (id !== '') return id
    } catch {
      // The next one.
    }
  }
  return hostname()
}
