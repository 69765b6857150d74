/**
 * The process of the lab of `vnet toxiproxy`: a link between the hosts `client` and `server`. It
 * connects sockets over the link and hands both ends to its parent, which remains on the machine's
 * network while this process enters namespaces of its own where it must.
 */
import net, { type Socket } from 'node:net'
import { explain, UsageError, VnetError } from 'vnet'
import { enterCommand } from 'vnet/kit/cli'
import { loadNative } from 'vnet/kit/linux'
import { createLabWith } from '../network/create-lab.ts'
import type { LabHost } from '../network/host.ts'
import type { LabLink } from '../network/link.ts'
import { enterForLab } from '../run/enter-for-lab.ts'
import type { LabCall, LabReply, LinkAddress } from './lab-process.ts'
import { TcpPort } from './tcp-port.ts'

/** A socket of a host for the parent; `close` closes the copy of this process. */
type End = Readonly<{ handle: unknown; close: () => void }>
type Ends = readonly End[]

/** Ports of proxies are below the kernel's ephemeral ports. */
const PORT_FIRST = 1024
const PORT_LAST = 32_767

async function main(): Promise<void> {
  await enterForLab(loadNative(), () => {
    // Node has removed it, and the same program is executed again.
    const fd = (process.channel as unknown as { readonly fd: number }).fd
    process.env.NODE_CHANNEL_FD = `${fd}`
    return [fd]
  })
  const seed = Number(process.argv[2])
  const making = createLabWith({ name: 'toxiproxy', world: 'kernel', seed })
  process.once(
    'disconnect',
    () => void making.then(made => made.close()).finally(() => process.exit()),
  )
  if (!process.connected) {
    process.exit()
  }
  const lab = await making
  const [client, server] = lab.hosts('client', 'server')
  const sockets = new LinkSockets(client, server, await lab.cable(client, server))
  process.on('message', (call: LabCall) => void sockets.reply(call).catch(() => {}))
  await send({ id: 0, enter: enterCommand() })
}

/** Makes the sockets of the proxies at both ends of the link. */
class LinkSockets {
  readonly #client: LabHost
  readonly #server: LabHost
  readonly #link: LabLink
  readonly #tcpPorts = new Map<number, TcpPort>()
  readonly #taken = new Set<number>()
  #last = PORT_FIRST

  constructor(client: LabHost, server: LabHost, link: LabLink) {
    this.#client = client
    this.#server = server
    this.#link = link
  }

  async reply({ id, call, args }: LabCall): Promise<void> {
    try {
      if (call === 'connect') {
        await handOver(id, await this.#connectTcp(...args))
      } else if (call === 'bind') {
        await handOver(id, await this.#bindUdp(...args))
      } else if (call === 'listen') {
        await send({ id, value: await this.#listen(...args) })
      } else {
        if (call === 'unlisten') {
          this.#unlisten(...args)
        } else {
          await this.#link.wire(args[0])
        }
        await send({ id })
      }
    } catch (error) {
      await send({ id, error: reasonOf(error as Error), isUsage: error instanceof UsageError })
    }
  }

  #freePort(): number {
    if (this.#taken.size > PORT_LAST - PORT_FIRST) {
      throw new UsageError('no port is left on the link')
    }
    do {
      this.#last = this.#last === PORT_LAST ? PORT_FIRST : this.#last + 1
    } while (this.#taken.has(this.#last))
    this.#taken.add(this.#last)
    return this.#last
  }

  async #listen(isUdp: boolean, isV6: boolean): Promise<LinkAddress> {
    const at = { port: this.#freePort(), address: addressOf(this.#server, isV6), isUdp }
    if (isUdp) return at
    const listener = new TcpPort()
    this.#tcpPorts.set(at.port, listener)
    try {
      await this.#server.listen(listener, at.port, at.address)
      return at
    } catch (error) {
      this.#unlisten(at.port)
      throw error
    }
  }

  #unlisten(port: number): void {
    this.#taken.delete(port)
    this.#tcpPorts.get(port)?.end()
    this.#tcpPorts.delete(port)
  }

  async #connectTcp({ port, address }: LinkAddress): Promise<Ends> {
    const listener = this.#tcpPorts.get(port)
    if (listener === undefined) throw new Error('the proxy has been closed')
    const ends = await listener.join(() => this.#client.connect(port, address))
    return ends.map(endOfTcp)
  }

  /** The server's socket has the port of the proxy; a client's has any. */
  async #bindUdp(isServer: boolean, { port, address }: LinkAddress): Promise<Ends> {
    const isV6 = net.isIPv6(address)
    const host = isServer ? this.#server : this.#client
    const own = addressOf(host, isV6)
    const socket = await host.createSocket(isV6 ? 'udp6' : 'udp4', isServer ? port : 0, own)
    return [{ handle: socket, close: () => socket.close() }]
  }
}

const addressOf = (host: LabHost, isV6: boolean): string =>
  host.addresses.find(each => net.isIPv6(each) === isV6) as string

const reasonOf = (error: Error) => (error instanceof VnetError ? explain(error) : error.message)

function endOfTcp(socket: Socket): End {
  const { _handle: handle } = socket as Socket & { readonly _handle: unknown }
  return { handle, close: () => socket.destroy() }
}

/** Hands sockets to the parent, which learns from their number whether all have arrived. */
async function handOver(id: number, ends: Ends): Promise<void> {
  for (const { handle, close } of ends) {
    await send({ id, isSocket: true }, handle).finally(close)
  }
  await send({ id, value: ends.length })
}

/** Settles when the message and its socket were written, or are lost after the parent's end. */
function send(message: LabReply, handle?: unknown): Promise<void> {
  return new Promise(resolve => process.send?.(message, handle as net.Socket, {}, () => resolve()))
}

main().catch(async error => {
  await send({ id: 0, error: reasonOf(error) })
  process.exit(1)
})
