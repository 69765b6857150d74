/** `vnet metrics`: serves the counters of running vnets to Prometheus, beside them. */
import { ControlClient, SERVED_TIMEOUT_MS } from '../../control/client/client.ts'
import { loadNative } from '../../linux/native.ts'
import type { Address } from '../../metrics/address.ts'
import { serveMetrics } from '../../metrics/server.ts'
import { snapshot } from '../../metrics/snapshot.ts'
import type { AskOptions } from '../ask.ts'
import { EXIT_OK, endOf, type Io } from '../io.ts'

/** Serves until the user ends it. Vnets may start and end meanwhile. */
export async function metrics(address: Address, { user }: AskOptions, io: Io): Promise<number> {
  using end = endOf(io)
  using client = new ControlClient(loadNative(), { user, timeoutMs: SERVED_TIMEOUT_MS })
  await using server = await serveMetrics(address, () => snapshot(client, { user }))
  io.out(`${server.url}\n`)
  await end.asked
  return EXIT_OK
}
