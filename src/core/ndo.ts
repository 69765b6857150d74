/** Calling a driver's operations, telling the notifiers, and asking the host for a change that nobody waits for. */
import { EBADFD, EIO, isErrno } from './errno.ts'
import { describeException } from './exception.ts'
import type { NetDevice } from './net-device.ts'
import type { Errno } from './ops.ts'
import type { LinkRequest } from './port.ts'

/** The largest errno (MAX_ERRNO, include/linux/err.h). */
export const MAX_ERRNO = 4095

/** Runs one of the driver's operations: 0 or a negative errno, also when it throws or answers nonsense. */
export function callNdo(dev: NetDevice, op: string, fn: () => Errno): number {
  try {
    const answer: unknown = fn() ?? 0
    if (isErrnoAnswer(answer)) return answer
    refuseAnswer(dev, op, answer, '0 or a negative errno')
  } catch (error) {
    dev.logException(op, error)
  }
  return -EIO
}

function isErrnoAnswer(answer: unknown): answer is number {
  return Number.isInteger(answer) && (answer as number) <= 0 && (answer as number) >= -MAX_ERRNO
}

/** Logs what a driver's function answered where something else is due. Of an async one the error is logged too, when it comes. */
export function refuseAnswer(dev: NetDevice, op: string, answer: unknown, wanted: string): void {
  if (answer instanceof Promise) {
    dev.logException(op, `is async, where ${wanted} is needed at once`)
    answer.catch(error => dev.logException(`${op}, async`, error))
  } else {
    dev.logException(op, `answered ${describeException(answer)} where ${wanted} is needed`)
  }
}

/** Tells the notifiers of something that cannot be vetoed. */
export function notify(dev: NetDevice, event: number): void {
  dev.net.callNetdeviceNotifiers(event, dev)
}

/** Asks the host for a change that nobody waits for. An interface that is gone needs none: that it is gone is said apart. */
export function request(dev: NetDevice, change: LinkRequest): void {
  dev.port?.apply(change).catch(error => {
    if (!isErrno(error, EBADFD)) dev.log.err(error instanceof Error ? error.message : String(error))
  })
}
