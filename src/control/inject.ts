/** INJECT: a datagram into a generic netlink socket of whoever asks. */
import { EOPNOTSUPP, VnetError } from '../core/errno.ts'
import { injectRequest, VNET_ATTR_INJECT_PORT, VNET_CMD_INJECT } from './family.ts'
import { type Operation, operation } from './operation.ts'
import type { Subject } from './subject.ts'

export function inject({ injector }: Subject): Operation {
  return operation({
    cmd: VNET_CMD_INJECT,
    policy: injectRequest,
    doit({ injectFd, injectMessages }, { uid, pid = 0 }) {
      if (injector === undefined) throw new VnetError(EOPNOTSUPP, 'vnet_nl', 'nothing can be injected here')
      const port = injector.inject({ uid, pid, fd: injectFd }, injectMessages)
      return builder => void builder.u32(VNET_ATTR_INJECT_PORT, port)
    },
  })
}
