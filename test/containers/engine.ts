/** The surroundings of an engine under test, of which nothing remains afterwards. */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, rmdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Child, Netns } from '#support/netns.ts'

const CGROUPS = '/sys/fs/cgroup'
/** The parent of the cgroups that an engine of this process makes. */
export const CGROUP = `vnet-test-${process.pid}`

/**
 * The mounts of an engine, which finds its plugins and its state in fixed places: /run is the
 * directory `$1`, which a restart finds again, /opt/cni/bin is `$2` and /etc/cni/net.d is `$3`.
 */
const MOUNTS = `
  set -e
  mkdir -p "$1/over" "$2" "$3"
  mount --bind "$1" /run
  mount -t tmpfs tmpfs /run/over
  for at in etc opt; do
    mkdir -p /run/over/$at/upper /run/over/$at/work
    mount -t overlay -o lowerdir=/$at,upperdir=/run/over/$at/upper,workdir=/run/over/$at/work overlay /$at
  done
  mkdir -p /opt/cni/bin /etc/cni/net.d
  mount --bind "$2" /opt/cni/bin
  mount --bind "$3" /etc/cni/net.d
  shift 3
  exec setpriv --pdeathsig TERM "$@" 2>&1`

/**
 * Starts an engine in a network namespace, with a mount namespace of its own. `directory` has its
 * `run`, its `plugins` and its `networks`. Both of its outputs are stdout. It ends with this
 * process.
 */
export function spawnEngine(netns: Netns, directory: string, command: readonly string[]): Child {
  // nsenter(1), because `ip netns exec` mounts another /sys, without the cgroups.
  const within = [`--net=/run/netns/${netns.name}`, 'unshare', '-m', 'sh', '-c', MOUNTS, 'sh']
  const places = ['run', 'plugins', 'networks'].map(name => join(directory, name))
  return spawn('nsenter', [...within, ...places, ...command], { stdio: 'pipe' })
}

/** Ends an engine, unless it has ended. */
export async function endEngine(child: Child | undefined): Promise<void> {
  if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = new Promise(resolve => child.once('close', resolve))
  child.kill()
  await ended
}

/** Removes CGROUP of each hierarchy, which must be empty. */
export function removeCgroup(): void {
  for (const name of ['', ...readdirSync(CGROUPS)]) {
    const path = join(CGROUPS, name, CGROUP)
    if (existsSync(path)) {
      rmdirSync(path)
    }
  }
}
