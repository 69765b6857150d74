/** `--capture`: the frames of all devices of a run, from before the first to after the last. */
import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EPIPE, isErrno, messageOrDescription, UsageError } from '../base/index.ts'
import { CaptureFile } from '../capture/capture-file.node.ts'
import { UNORDERED } from '../capture/pcapng-content.ts'
import { Recording } from '../capture/recording.node.ts'
import { compileFilter } from '../linux/pcap-filter.ts'
import type { Driver, Net } from '../netdev/index.ts'
import type { CommonOptions } from './parse/options.ts'
import { netnsOf, type Plan } from './plan.ts'

/** The run that `--capture` records. */
export interface CapturedRun {
  readonly net: Net
  readonly driver: Driver
  readonly plans: readonly Plan[]
  readonly options: CommonOptions
  /** True if the process drops privileges when it is ready. */
  readonly isOwn: boolean
}

/**
 * Starts the capture that the options request: of every device that is registered from now on.
 * Returns a function that ends the capture and returns false if the file failed; undefined without
 * --capture. A reader that closes its pipe is not a failure. Throws a UsageError if the file cannot
 * be made. Later failures are logged, and end only the capture.
 */
export async function startCapture(
  run: CapturedRun,
): Promise<(() => Promise<boolean>) | undefined> {
  const { net, driver, plans, options } = run
  const { capture: path, filter: expression, snaplen, ring, tlsKeys, duration } = options
  if (path === undefined) return undefined
  if (ring !== undefined && run.isOwn && !options.keepPrivileges) {
    refuseForeign(dirname(path))
  }
  const filter = expression === undefined ? undefined : compileFilter(expression)
  const { log } = net
  const file = new CaptureFile(path, {
    ring,
    tlsKeys,
    warn: text => log.warn(`vnet: capture: ${text}`),
  })
  const recording = new Recording(file, error =>
    log.err(`vnet: capture: ${messageOrDescription(error)}`),
  )
  recording.follow({
    net,
    snaplen,
    filter,
    driver: driver.name,
    netnsOf: dev => netnsOf(dev, plans),
  })
  let ended: Promise<boolean> | undefined
  function end(): Promise<boolean> {
    ended ??= finish()
    return ended
  }
  async function finish(): Promise<boolean> {
    alarm.cancel()
    const error: unknown = await recording.stop().catch(thrown => thrown)
    if (error === undefined) {
      log.info(`vnet: capture: ${recording.frames} frames in ${path}`)
    }
    if (error === undefined && !file.isOrdered) {
      log.info(`vnet: capture: ${UNORDERED}`)
    }
    if (recording.lost > 0) {
      log.warn(`vnet: capture: ${recording.lost} frames lost, because the file did not keep up`)
    }
    return error === undefined || isErrno(error, EPIPE)
  }
  const alarm = net.clock.alarm(() => void end())
  if (duration !== undefined) {
    alarm.at(net.clock.now() + duration)
  }
  await file.ready()
  return end
}

/**
 * Throws a UsageError if root can make files in a directory only by a capability, which it drops
 * before a ring needs its second file.
 */
function refuseForeign(directory: string): void {
  const { mode, uid, gid } = statSync(directory, { throwIfNoEntry: false }) ?? {
    mode: 0o777,
    uid: 0,
    gid: 0,
  }
  if (process.geteuid?.() !== 0) return
  const isOfGroup = process.getgroups?.().includes(gid)
  const rights = uid === 0 ? mode >> 6 : mode >> (isOfGroup ? 3 : 0)
  if ((rights & 3) === 3) return
  throw new UsageError(
    `--ring: ${directory} belongs to another user, and vnet drops the right to write there; ` +
      'choose a directory of root, or add --keep-privileges',
  )
}
