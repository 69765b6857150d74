/** RESET_STATS, SET_CARRIER, TRIGGER: what is done to a device. */
import { EINVAL, ENETDOWN, EOPNOTSUPP, VnetError } from '../core/errno.ts'
import { callNdo } from '../core/ndo.ts'
import type { NetDevice } from '../core/net-device.ts'
import { netifCarrierOff, netifCarrierOn } from '../core/netif.ts'
import {
  resetStatsRequest,
  setCarrierRequest,
  triggerRequest,
  VNET_ATTR_CARRIER,
  VNET_ATTR_FAULT,
  VNET_ATTR_QUEUE,
  VNET_CMD_RESET_STATS,
  VNET_CMD_SET_CARRIER,
  VNET_CMD_TRIGGER,
} from './family.ts'
import { type Operation, operation } from './operation.ts'
import { Refusal } from './refusal.ts'
import { type Subject, theOne } from './subject.ts'

export function changes(subject: Subject): Operation[] {
  const resetStats = operation({
    cmd: VNET_CMD_RESET_STATS,
    changes: true,
    policy: resetStatsRequest,
    doit(request) {
      theOne(subject, request).resetStats()
      return undefined
    },
  })
  const setCarrier = operation({
    cmd: VNET_CMD_SET_CARRIER,
    changes: true,
    policy: setCarrierRequest,
    doit(request) {
      const dev = theOne(subject, request)
      if (request.carrier > 1) throw new Refusal(EINVAL, VNET_ATTR_CARRIER, `carrier: ${request.carrier} is not 0 or 1`)
      if (request.carrier === 1) netifCarrierOn(dev)
      else netifCarrierOff(dev)
      return undefined
    },
  })
  const triggerFault = operation({
    cmd: VNET_CMD_TRIGGER,
    changes: true,
    policy: triggerRequest,
    doit(request) {
      trigger(theOne(subject, request), request.fault, request.queue)
      return undefined
    },
  })
  return [resetStats, setCarrier, triggerFault]
}

function trigger(dev: NetDevice, fault: string, queue: number | undefined): void {
  const { netdevOps } = dev
  if (queue !== undefined && queue >= dev.numTxQueues) {
    throw new Refusal(EINVAL, VNET_ATTR_QUEUE, `queue: ${dev.name} has ${dev.numTxQueues}, counted from 0`)
  }
  if (netdevOps.ndoTrigger === undefined) {
    throw new VnetError(EOPNOTSUPP, 'vnet_nl', `the driver of ${dev.name} has no faults to trigger`)
  }
  const error = callNdo(dev, 'ndoTrigger', () => netdevOps.ndoTrigger?.(dev, fault, queue))
  if (error === -EOPNOTSUPP) {
    throw new Refusal(EOPNOTSUPP, VNET_ATTR_FAULT, `the driver of ${dev.name} has no fault ${fault}`)
  }
  if (error === -ENETDOWN) throw new VnetError(ENETDOWN, 'vnet_nl', `${dev.name} is down`)
  if (error < 0) throw new VnetError(error, `${fault} of ${dev.name}`)
}
