/** ECHO: the text back, octet for octet, as the driver in the kernel does that the sample programs were written for. */
import { echoRequest, VNET_CMD_ECHO, VNET_ECHO_ATTR_TEXT } from './family.ts'
import { type Operation, operation } from './operation.ts'

export function echo(): Operation {
  return operation({
    cmd: VNET_CMD_ECHO,
    policy: echoRequest,
    doit({ text }) {
      const nul = text.indexOf(0)
      const copy = new Uint8Array((nul < 0 ? text.length : nul) + 1)
      copy.set(text.subarray(0, copy.length - 1))
      return builder => void builder.binary(VNET_ECHO_ATTR_TEXT, copy)
    },
  })
}
