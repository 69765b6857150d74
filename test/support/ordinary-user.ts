/**
 * Commands as a user other than root, on a machine of which a test chooses what such a user may do.
 * All of it is in a mount namespace of the run's own.
 */
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { NOBODY } from './privileges.ts'

const ROOT = fileURLToPath(new URL('../../', import.meta.url))

/** The tree where that user can read it: it may be in root's home. */
export const TREE = '/run/tree'

export interface Machine {
  /** The mode of /dev/net/tun; undefined: the device does not exist. */
  readonly mode?: string | undefined
  /** Shell commands of root's. */
  readonly before?: string
  /** The prefix of the command, as the user. */
  readonly by?: readonly string[]
}

/** Becomes the user; to be followed by a command. */
export const USER = [
  'setpriv',
  `--reuid=${NOBODY}`,
  `--regid=${NOBODY}`,
  '--clear-groups',
  '--inh-caps=-all',
]

/** Runs a shell script of root's, and then the command, in a mount namespace with an empty /run. */
export function onMachine(
  { mode = '666', before = ':' }: Machine,
  by: readonly string[],
): [string, ...string[]] {
  // The PATH of root may lead through root's home.
  const script = `
    export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    mount -t tmpfs none /run && mkdir ${TREE} && mount --bind '${ROOT}' ${TREE}
    if [ '${mode}' = none ]; then mount -t tmpfs none /dev/net
    else mknod -m ${mode === 'none' ? '0' : mode} /run/tun c 10 200 && mount --bind /run/tun /dev/net/tun; fi
    ${before}
    cd ${TREE} && exec "$@"`
  return ['unshare', '-m', 'sh', '-ec', script, 'sh', ...by]
}

/**
 * Runs a command as the user. Each prefix execs the next, so it is one process and gets the
 * signals.
 */
export const asUser = (machine: Machine = {}): [string, ...string[]] =>
  onMachine(machine, [...USER, ...(machine.by ?? [])])

/** Starts `vnet rootless`; to be followed by its command. */
export const VNET_ROOTLESS = [process.execPath, `${TREE}/dist/vnet.js`, 'rootless', '--']

/** A guard against hanging: a script may start ten vnets, one after another. */
const LIMIT_MS = 100_000

/** Runs a command to its end. */
export function ended(words: readonly string[], input = '') {
  const [program, ...args] = words as [string, ...string[]]
  const options = { encoding: 'utf8', input, timeout: LIMIT_MS } as const
  const { status, signal, stdout, stderr } = spawnSync(program, args, options)
  return { status: signal ?? status, stdout, stderr }
}

/** Runs a command as the user by `vnet rootless`. */
export const rootless = (command: readonly string[], machine?: Machine, input?: string) =>
  ended([...asUser(machine), ...VNET_ROOTLESS, ...command], input)

/** Runs a shell script so, which must succeed, and returns its output. */
export function script(text: string, machine?: Machine): string {
  const { status, stdout, stderr } = rootless(['sh', '-ec', text], machine)
  expect({ status, stderr }).toEqual({ status: 0, stderr: expect.any(String) })
  return stdout
}
