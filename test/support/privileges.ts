/**
 * Commands that run others with fewer privileges. `ip netns exec` needs privileges, so it comes
 * first.
 */
import type { Netns } from './netns.ts'

/** The user id of user nobody, 65534 everywhere. */
export const NOBODY = 65534

const SETS = ['inh-caps', 'ambient-caps', 'bounding-set']

/**
 * As user nobody, or another without a name, who may open every file (the tree may be in root's
 * home) but has no other right.
 */
export function asNobodyIn({ name }: Netns, uid = NOBODY): string[] {
  const user = [`--reuid=${uid}`, `--regid=${uid}`, '--clear-groups']
  return [
    'ip',
    'netns',
    'exec',
    name,
    'setpriv',
    ...user,
    ...SETS.map(set => `--${set}=-all,+dac_override`),
  ]
}

/** As root without a capability, for example `net_admin`. */
export function withoutCapIn({ name }: Netns, capability: string): string[] {
  return [
    'ip',
    'netns',
    'exec',
    name,
    'setpriv',
    `--inh-caps=-${capability}`,
    `--bounding-set=-${capability}`,
  ]
}

/** In a mount namespace without /dev/net/tun. */
export function withoutTunIn({ name }: Netns): string[] {
  const script = 'mount -t tmpfs none /dev/net && exec "$@"'
  return ['unshare', '-m', 'sh', '-c', script, 'sh', 'ip', 'netns', 'exec', name]
}
