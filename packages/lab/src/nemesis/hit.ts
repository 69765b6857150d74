/** Hit: the hosts that faults hit which name none. */
import { messageOrDescription } from 'vnet/internal/base/exception'
import { namesFor, UsageError } from 'vnet/internal/base/usage-error'
import { type Form, shown } from '../model/options.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'

/** The name of a host, or a list of names. */
export type HostNames = string | readonly string[]

/** Names, or a function of the lab that is called when a fault happens: "the leader now". */
export type Hit = HostNames | ((lab: Lab) => Promise<HostNames> | HostNames)

export const HIT: Form = {
  accepts: value => typeof value === 'function' || namesOf(value) !== undefined,
  text: 'the name of a host, a list of names, or a function that returns them',
}

/** Returns the hosts that `hit` names now. Rejects with a UsageError if they are not hosts. */
export async function hostsOfHit(hit: Hit, lab: Lab): Promise<readonly LabHost[]> {
  const named = typeof hit === 'function' ? await ask(hit, lab) : hit
  const names = namesOf(named)
  if (names === undefined) throw new UsageError(`hit: ${shown(named)} is not the name of a host, or a list of names`)
  const { hosts } = lab.links.lab
  return names.map(name => hostOf(name, hosts, 'hit: '))
}

async function ask(hit: Hit & ((lab: Lab) => unknown), lab: Lab): Promise<unknown> {
  try {
    return await hit(lab)
  } catch (error) {
    const what = error instanceof UsageError ? '' : 'the function has failed: '
    throw new UsageError(`hit: ${what}${messageOrDescription(error)}`)
  }
}

/** Returns each name once; undefined for other values, and without a name. */
function namesOf(value: unknown): readonly string[] | undefined {
  const names = [...new Set([value].flat())]
  const areNames = names.every((name): name is string => typeof name === 'string' && name !== '')
  return areNames && names.length > 0 ? names : undefined
}

/** Throws a UsageError for the name of another host. */
export function hostOf(name: string, hosts: readonly LabHost[], what = ''): LabHost {
  const host = hosts.find(each => each.name === name)
  if (host !== undefined) return host
  const known = hosts.map(each => each.name)
  throw new UsageError(`${what}${name} is not a host of the lab, which are ${namesFor(name, known)}`)
}
