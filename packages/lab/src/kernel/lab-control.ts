/**
 * Makes the links of a thread's labs visible to `vnet list` and the other commands. A client finds
 * a socket and a file; their server is loaded when the first client connects.
 */

import type { NetDevice } from 'vnet'
import type { ServerOptions } from 'vnet/control'
import { describeException } from 'vnet/kit/base'
import { Presence, type Server } from 'vnet/kit/control'
import type { Native } from 'vnet/kit/linux'
import { TapPort } from 'vnet/kit/machine'
import type { Net } from 'vnet/net'
import type { LabPlace } from '../carrier/lab-calls.ts'
import { removeAnnouncements } from './leftovers.ts'

async function serverModule() {
  const { serveAt } = await import('vnet/kit/control')
  return { serveAt }
}

/**
 * Lets clients find the devices of `net` until the result is disposed. If that fails, logs why and
 * returns undefined: the lab runs, but clients do not find it. `loadServer` loads the server.
 */
export function startLabControl(
  native: Native,
  net: Net,
  placeOf: (dev: NetDevice) => LabPlace | undefined,
  loadServer = serverModule,
): AsyncDisposable | undefined {
  const options: ServerOptions = {
    netnsOf: dev => placeOf(dev)?.netns,
    namespaceOf: ({ port }) => (port instanceof TapPort ? port.namespace() : undefined),
    labPartOf: placeOf,
    module: { name: 'lab', params: {}, values: {} },
    isLab: true,
  }
  let server: Promise<Server | undefined> | undefined
  /** Logs why if that fails. */
  const load = async () => {
    // Until the server is loaded, the watcher would report the client again and again.
    presence.listening.poller.stop()
    try {
      const { serveAt } = await loadServer()
      return serveAt(presence, native, net, options)
    } catch (error) {
      net.log.warn(`\`vnet lab list\` no longer finds this lab: ${describeException(error)}`)
      await presence.remove()
      return undefined
    }
  }
  const onClient = async () => {
    server ??= load()
    ;(await server)?.onReadable()
  }
  let presence: Presence
  try {
    removeAnnouncements()
    presence = new Presence(native, net, options, () => void onClient())
  } catch (error) {
    net.log.warn(`\`vnet lab list\` will not find this lab: ${describeException(error)}`)
    return undefined
  }
  return {
    async [Symbol.asyncDispose]() {
      await ((await server)?.[Symbol.asyncDispose]() ?? presence.remove())
    },
  }
}
