/** The kernel as a host that serves echo, discard and chargen, at an interface of another. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { type Netns, OwnNetns } from '#support/netns.ts'

const SERVERS = fileURLToPath(new URL('servers.mjs', import.meta.url))

export class ServedHost {
  /** The namespace of the peer, and its interface as the command takes it. */
  readonly near: Netns
  readonly interface: string
  readonly far: Netns
  readonly #own = new OwnNetns()

  private constructor() {
    this.near = this.#own.add()
    this.far = this.#own.add()
    this.interface = `${this.near.name}/veth0`
  }

  /** Returns a host at 192.0.2.2 and 2001:db8::2, which is ready. */
  static async start(): Promise<ServedHost> {
    const host = new ServedHost()
    const { near, far } = host
    near.ip(
      'link set lo up',
      `link add veth0 type veth peer name veth1 netns ${far.name}`,
      'link set veth0 up',
    )
    far.ip(
      'link set lo up',
      'link set veth1 up',
      'addr add 192.0.2.2/24 dev veth1',
      'addr add 2001:db8::2/64 dev veth1 nodad',
    )
    far.exec('sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0')
    await once(far.spawn([process.execPath, SERVERS]).stdout, 'data')
    return host
  }

  remove(): void {
    this.#own.remove()
  }
}
