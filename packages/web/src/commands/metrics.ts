/** `vnet metrics`: serves the counters of running vnets to Prometheus, in a separate process. */

import { ControlClient } from 'vnet/control'
import { EXIT_OK, endOf, type Io } from 'vnet/kit/cli'
import { SERVED_TIMEOUT_MS } from 'vnet/kit/control'
import { dropPrivileges, loadNative } from 'vnet/kit/linux'
import type { Address } from '../http/address.ts'
import { ownAccess } from '../http/token.ts'
import { serveMetrics } from '../metrics/server.ts'
import { snapshot } from '../metrics/snapshot.ts'
import type { ServerCommandOptions } from './index.ts'

/** Lets root look for the vnets of a user, in a directory that only the user can enter. */
const CAP_DAC_OVERRIDE = 1

/** Serves until the user ends it. Vnets may start and end meanwhile. */
export async function metrics(
  address: Address,
  { user, all: everywhere, host: hosts, json }: ServerCommandOptions,
  io: Io,
): Promise<number> {
  using end = endOf(io)
  const native = loadNative()
  using client = new ControlClient(native, { user, timeoutMs: SERVED_TIMEOUT_MS })
  const access = ownAccess('metrics', user)
  await using server = await serveMetrics({ address, hosts, access }, () =>
    snapshot(client, { user, everywhere }),
  )
  // Strangers cause its requests, so vnets must not serve it before other clients.
  if (io.own) {
    dropPrivileges(native, user === undefined ? [] : [CAP_DAC_OVERRIDE])
  }
  io.out(`${json ? JSON.stringify({ event: 'ready', metrics: server.url }) : server.url}\n`)
  await end.asked
  return EXIT_OK
}
