/** `vnet reset IF`: its statistics begin anew. */
import { askInterface } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export function reset(name: string, io: Io): Promise<number> {
  return askInterface('vnet reset', name, io, async (client, device) => {
    await client.resetStats(device.vnet, device)
    return EXIT_OK
  })
}
