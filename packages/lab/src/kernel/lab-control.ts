/**
 * LabControl: makes the links of a thread's labs visible to `vnet list` and the other commands. A
 * client finds a socket and a file; their server is loaded when the first client connects.
 */
import { describeException } from 'vnet/internal/base/exception'
import { Presence } from 'vnet/internal/control/server/presence'
import type { Server, ServerOptions } from 'vnet/internal/control/server/server'
import type { Native } from 'vnet/internal/linux/native'
import { TapPort } from 'vnet/internal/linux/tap/port'
import type { Net, NetDevice } from 'vnet/internal/netdev/index'
import type { LabPlace } from '../carrier/lab-calls.ts'
import { removeAnnouncements } from './leftovers.ts'

export class LabControl implements AsyncDisposable {
  readonly #native: Native
  readonly #net: Net
  readonly #options: ServerOptions
  readonly #presence: Presence
  #server: Promise<Server | undefined> | undefined

  private constructor(native: Native, net: Net, placeOf: (dev: NetDevice) => LabPlace | undefined) {
    this.#native = native
    this.#net = net
    const namespaceOf = ({ port }: NetDevice) => (port instanceof TapPort ? port.namespace() : undefined)
    const module = { name: 'lab', params: {}, values: {} }
    const netnsOf = (dev: NetDevice) => placeOf(dev)?.netns
    this.#options = { netnsOf, namespaceOf, labPartOf: placeOf, module, isLab: true }
    this.#presence = new Presence(native, net, this.#options, () => void this.#serve())
  }

  /** Lets clients find the devices of `net`. Logs why if that fails, and returns undefined. */
  static start(native: Native, net: Net, placeOf: (dev: NetDevice) => LabPlace | undefined): LabControl | undefined {
    try {
      removeAnnouncements()
      return new LabControl(native, net, placeOf)
    } catch (error) {
      net.log.warn(`\`vnet lab list\` will not find this lab: ${describeException(error)}`)
      return undefined
    }
  }

  async #serve(): Promise<void> {
    this.#server ??= this.#load()
    const server = await this.#server
    server?.onReadable()
  }

  /** Logs why if that fails. */
  async #load(): Promise<Server | undefined> {
    // Until the server is loaded, the watcher would report the client again and again.
    this.#presence.listening.poller.stop()
    try {
      const { serveAt } = await import('vnet/internal/control/server/server')
      return serveAt(this.#presence, this.#native, this.#net, this.#options)
    } catch (error) {
      this.#net.log.warn(`\`vnet lab list\` no longer finds this lab: ${describeException(error)}`)
      await this.#presence.remove()
      return undefined
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = await this.#server
    await (server?.[Symbol.asyncDispose]() ?? this.#presence.remove())
  }
}
