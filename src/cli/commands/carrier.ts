/** `vnet carrier IF on|off`: as if the cable were put in, or taken out. */
import { askInterface } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export function carrier(name: string, state: 'on' | 'off', io: Io): Promise<number> {
  return askInterface('vnet carrier', name, io, async (client, device) => {
    await client.setCarrier(device.vnet, device, state === 'on')
    return EXIT_OK
  })
}
