/** Calling a driver's operations, telling the notifiers, and asking the host for a change that nobody waits for. */
import { EBADFD, EIO, isErrno } from './errno.ts'
import { describeException } from './exception.ts'
import type { NetDevice } from './net-device.ts'
import type { Errno } from './ops.ts'
import type { LinkRequest } from './port.ts'

/** Runs one of the driver's operations: 0 or a negative errno, also when it throws or answers nonsense. */
export function callNdo(dev: NetDevice, op: string, fn: () => Errno): number {
  try {
    const answer: unknown = fn() ?? 0
    if (typeof answer === 'number' && answer <= 0) return answer
    dev.logException(op, `answered ${describeException(answer)} where 0 or a negative errno is needed`)
    return -EIO
  } catch (error) {
    dev.logException(op, error)
    return -EIO
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
