/** `vnet web`: serves the live page of running vnets, in a separate process. */
import { findNamed } from 'vnet/internal/cli/ask'
import { isAmong, type NamedDevice } from 'vnet/internal/cli/device-text'
import { packageVersion } from 'vnet/internal/cli/own-package'
import { complain, EXIT_OK, endOf, type Io } from 'vnet/internal/cli/process/io'
import { ControlClient, SERVED_TIMEOUT_MS } from 'vnet/internal/control/client/client'
import { loadNative } from 'vnet/internal/linux/native'
import type { Address } from '../http/address.ts'
import { ownAccess } from '../http/token.ts'
import { serveWeb } from '../server.ts'
import type { ServerCommandOptions } from './index.ts'

/** Serves the interfaces `names`, or all, until the user ends it, while vnets start and end. */
export async function web(
  address: Address,
  names: readonly string[],
  { user, all: everywhere, host: hosts, json }: ServerCommandOptions,
  io: Io,
): Promise<number> {
  using end = endOf(io)
  using client = new ControlClient(loadNative(), { user, timeoutMs: SERVED_TIMEOUT_MS })
  const version = packageVersion()
  const isWanted = (device: NamedDevice) => isAmong(device, names)
  const access = ownAccess('web', user)
  await using server = await serveWeb({
    address,
    access,
    hosts,
    client,
    version,
    user,
    everywhere,
    isWanted,
  })
  io.out(`${json ? JSON.stringify({ event: 'ready', web: server.url }) : server.url}\n`)
  if (names.length > 0) {
    const { complaints } = await findNamed(client, names, io, { user, everywhere })
    for (const line of complaints) {
      complain(io, `${line}; the page shows interfaces that come later`)
    }
  }
  await end.asked
  return EXIT_OK
}
