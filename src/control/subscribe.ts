/** SUBSCRIBE: events on the connection that asks. */
import { EINVAL, EOPNOTSUPP, VnetError } from '../core/errno.ts'
import { subscribeRequest, VNET_ATTR_EVENTS, VNET_CMD_SUBSCRIBE, VNET_EVENTS_ALL } from './family.ts'
import { type Operation, operation } from './operation.ts'
import { Refusal } from './refusal.ts'
import type { Subject } from './subject.ts'

export function subscribe({ subscribers }: Subject): Operation {
  return operation({
    cmd: VNET_CMD_SUBSCRIBE,
    policy: subscribeRequest,
    doit({ events = VNET_EVENTS_ALL, dropThreshold = 0n }, caller) {
      if (subscribers === undefined) throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'there are no events here')
      if ((events & ~VNET_EVENTS_ALL) !== 0) {
        throw new Refusal(EINVAL, VNET_ATTR_EVENTS, `events: 0x${events.toString(16)} has unknown events`)
      }
      subscribers.set(caller, events, Number(dropThreshold))
      return undefined
    },
  })
}
