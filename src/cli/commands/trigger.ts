/** `vnet trigger IF WHAT`: a fault now, once. */
import { askInterface } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export function trigger(name: string, fault: string, { queue }: { readonly queue?: number }, io: Io): Promise<number> {
  return askInterface('vnet trigger', name, io, async (client, device) => {
    await client.trigger(device.vnet, device, fault, queue)
    return EXIT_OK
  })
}
