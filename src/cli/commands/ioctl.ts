/** `vnet ioctl IF N [HEX]`: SIOCDEVPRIVATE + N, with octets for ifr_data to point to. */
import { VnetError } from '../../core/errno.ts'
import { IFR_IFRU, SIOCDEVPRIVATE } from '../../core/sockios.ts'
import { askInterface } from '../ask.ts'
import { hex } from '../hex.ts'
import { EXIT_OK, type Io } from '../io.ts'

export function ioctl(
  name: string,
  number: number,
  data: Uint8Array | undefined,
  { json }: { readonly json?: boolean },
  io: Io,
): Promise<number> {
  return askInterface('vnet ioctl', name, io, async (client, device) => {
    const answer = await client.ioctl(device.vnet, device, { cmd: SIOCDEVPRIVATE + number, data })
    if (answer.result < 0) throw new VnetError(answer.result, `SIOCDEVPRIVATE + ${number} of ${name}`)
    const ifr = hex(answer.ifreq.subarray(IFR_IFRU))
    const words = { result: answer.result, ifr, data: answer.data === undefined ? null : hex(answer.data) }
    if (json) io.out(`${JSON.stringify({ event: 'ioctl', ...words })}\n`)
    else {
      for (const [word, value] of Object.entries(words)) if (value !== null) io.out(`${`${word} ${value}`.trimEnd()}\n`)
    }
    return EXIT_OK
  })
}
