/** `vnet web`: serves the live page of running vnets, in a separate process. */

import { ControlClient } from 'vnet/control'
import {
  complain,
  EXIT_OK,
  endOf,
  findNamed,
  type Io,
  isAmong,
  type NamedDevice,
  packageVersion,
} from 'vnet/kit/cli'
import { SERVED_TIMEOUT_MS } from 'vnet/kit/control'
import { loadNative } from 'vnet/kit/linux'
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
