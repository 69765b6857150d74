/** Calling a driver's operations, and requesting changes of an interface that nothing waits for. */
import { describeException, EBADFD, EIO, explain, isErrno, type LimitedLog } from '../base/index.ts'
import type { SkBuff } from '../skb/sk-buff.ts'
import type { WireDrop } from './frame-drop.ts'
import type { LinkRequest, Port } from './port.ts'

/** The largest errno (MAX_ERRNO, include/linux/err.h). */
export const MAX_ERRNO = 4095

/** The device with the log for a driver's mistakes. */
export interface ExceptionLog {
  logException(op: string, error: unknown): void
}

/** Runs an operation of the driver. Returns 0 or -errno, -EIO if it throws or returns nonsense. */
export function callNdo(dev: ExceptionLog, op: string, fn: () => number | void): number {
  try {
    const result: unknown = fn() ?? 0
    if (Number.isInteger(result) && (result as number) <= 0 && (result as number) >= -MAX_ERRNO) {
      return result as number
    }
    logBadReturn(dev, op, result, '0 or a negative errno')
  } catch (error) {
    dev.logException(op, error)
  }
  return -EIO
}

/** Logs that a driver's function returned `result`, not `wanted`; if it is async, its error too. */
export function logBadReturn(dev: ExceptionLog, op: string, result: unknown, wanted: string): void {
  if (result instanceof Promise) {
    dev.logException(op, `is async, but must return ${wanted} at once`)
    result.catch(error => dev.logException(`${op}, async`, error))
  } else {
    dev.logException(op, `returned ${describeException(result)}, not ${wanted}`)
  }
}

/** Requests a change without waiting. An error is logged, unless the interface was deleted. */
export function request(
  dev: { readonly port: Port | undefined; readonly changeLog: LimitedLog },
  change: LinkRequest,
): void {
  dev.port?.apply(change).catch(error => {
    if (isErrno(error, EBADFD)) return
    dev.changeLog.err('failed changes', error instanceof Error ? explain(error) : String(error))
  })
}

/**
 * Notified of every frame that passes a device, for captures. A device without a probe pays one
 * comparison a frame.
 *
 * On a device with wires (ndoGetWires) a frame is transmitted when it enters its wire, because the
 * wire gives packets their numbers and times. On any other device it is when the kernel's frame was
 * read. A wire lets frames pass at its own time, which it sets before it calls the probe or the
 * receiving device. No method may throw: the frame would have no owner.
 */
export interface FrameProbe {
  /** When the frame passes, ns of the Net's clock; NaN if that is now. */
  time: number
  /** The decision by which the next frame is dropped, if a stage of a wire drops it. */
  cause: WireDrop | undefined
  /** The kernel sent a frame. The probe numbers it if it has no `packetId` yet. */
  transmitted(skb: SkBuff): void
  /** The device hands a frame to the kernel. It is not merged with others yet. */
  received(skb: SkBuff): void
  /** A frame is dropped, and freed afterwards. */
  dropped(skb: SkBuff, reason: number): void
}
