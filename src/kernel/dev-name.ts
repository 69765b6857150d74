/** dev_alloc_name (net/core/dev.c): names by a pattern. */
import { ENFILE, VnetError } from '../core/errno.ts'
import { IFNAMSIZ } from '../core/if.ts'
import { encodeName } from '../netlink/index.ts'

/** The kernel looks no further: as many as bits are in a page of 4 KiB. */
const MAX_NUMBERS = 32768

/**
 * What `pattern` becomes where the names `taken` are: its %d the first free number, from 0; without %d as it is. VnetError
 * ENFILE when no number is free, or what is free is longer than a name may be.
 */
export function devAllocName(pattern: string, taken: ReadonlySet<string>): string {
  if (!pattern.includes('%d')) return pattern
  for (let number = 0; number < MAX_NUMBERS; number++) {
    const name = pattern.replace('%d', String(number))
    if (encodeName(name).length >= IFNAMSIZ) break
    if (!taken.has(name)) return name
  }
  throw new VnetError(ENFILE, `dev_alloc_name ${pattern}`, 'there are interfaces of every such name; choose another')
}
