/** `vnet rootless`: becomes the command, in new namespaces in which the user is root. */
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { EPERM, VnetError } from '../../base/errno.ts'
import { makeTemporaryDirectory, writeFile } from '../../linux/files.ts'
import { inherited } from '../../linux/inherited.ts'
import { loadNative, type Native } from '../../linux/native.ts'
import { ownCommand } from '../../linux/privileges.ts'
import { checkTun, execHere, execRootless } from '../../linux/rootless.ts'
import { hasSysctl, readSysctl, writeSysctl } from '../../linux/sysctl.ts'
import { WayOut } from '../../linux/way-out.ts'

/** The resolver of programs, and the file that they see instead, in the /run of the namespaces. */
const RESOLV_CONF = '/etc/resolv.conf'
const OWN_RESOLV_CONF = '/run/vnet-resolv.conf'
const ACCEPT_DAD = 'net/ipv6/conf/default/accept_dad'
const PING_GROUPS = 'net/ipv4/ping_group_range'

export interface RootlessOptions {
  /** Connects the namespaces to the network of the machine. */
  readonly internet: boolean | undefined
}

/** Returns only by throwing a VnetError. */
export async function rootless(
  command: readonly string[],
  { internet = false }: RootlessOptions,
): Promise<never> {
  const native = loadNative()
  const given = inherited().flatMap((isGiven, fd) => (isGiven && fd > 2 ? [fd] : []))
  const prepared = WayOut.prepared()
  if (internet && prepared !== undefined) {
    // This program has executed itself inside.
    const fd = await connect(native)
    return execHere(
      native,
      command,
      Int32Array.from([...given.filter(each => each !== prepared), fd]),
    )
  }
  checkTun(native)
  // The cache of Playwright is named after the user id, which is root's in here. If root has run
  // tests, the user could not write to it.
  process.env.PLAYWRIGHT_TRANSFORM_CACHE_DIR ??=
    process.env.PWTEST_CACHE_DIR ??
    join(tmpdir(), `playwright-transform-cache-${process.geteuid?.()}`)
  if (!internet) return execRootless(native, command, Int32Array.from(given))
  return execRootless(
    native,
    ownCommand(),
    Int32Array.from([...given, ...WayOut.prepare(native, { isAside: true })]),
  )
}

/**
 * Connects the namespaces of this process to the machine's network. Returns the descriptor that
 * keeps the connection: it ends when the last copy is closed.
 */
async function connect(native: Native): Promise<number> {
  const directory = makeTemporaryDirectory('vnet-way-out-')
  try {
    const fd = await withoutDad(
      native,
      async () => (await WayOut.open({ native, nsfd: -1 }, directory)).fd,
    )
    // The ways out of labs inside reply to pings by sockets that only this group may open.
    if (hasSysctl(native, -1, PING_GROUPS)) {
      writeSysctl(native, -1, PING_GROUPS, '0 0')
    }
    if (!existsSync(RESOLV_CONF)) return fd
    // DNS by TCP does not reach the machine's server here.
    writeFile(OWN_RESOLV_CONF, WayOut.resolvConf().replace(/\buse-vc\b/g, ''))
    const { status, stderr } = spawnSync('mount', ['--bind', OWN_RESOLV_CONF, RESOLV_CONF], {
      encoding: 'utf8',
    })
    if (status !== 0) throw new VnetError(EPERM, ['mount', RESOLV_CONF], stderr?.trim())
    return fd
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/**
 * Calls `fn`, and gives an interface that it makes its IPv6 addresses immediately, without
 * duplicate address detection: no other interface could have them. Restores the setting afterwards.
 */
async function withoutDad<T>(native: Native, fn: () => Promise<T>): Promise<T> {
  if (!hasSysctl(native, -1, ACCEPT_DAD)) return await fn()
  const before = readSysctl(native, -1, ACCEPT_DAD)
  writeSysctl(native, -1, ACCEPT_DAD, '0')
  try {
    return await fn()
  } finally {
    writeSysctl(native, -1, ACCEPT_DAD, before)
  }
}
