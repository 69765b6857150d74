/**
 * createLab: a network in a test. Namespaces are hosts, cables with wires join them, and everything
 * is gone at the end of the scope:
 *
 *     await using lab = await createLab({ seed: 7 })
 *     const [client, server] = lab.namespaces('client', 'server')
 *     const link = await lab.cable(client, server, { wire: 'delay 20ms loss 1%' })
 *     await server.listen(http.createServer(answer), 8080)
 *     const response = await client.fetch('http://server:8080/')
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadNative, type Native } from '../../linux/native.ts'
import { UsageError } from '../../netdev/driver.ts'
import { Carrier } from './carrier.ts'
import { Hosts } from './hosts.ts'
import { LabLink, wordsOf } from './link.ts'
import { LabNamespace } from './namespace.ts'

export interface LabOptions {
  /** The seed of all random decisions: the same seed, the same drops. 1 by default. */
  readonly seed?: number
  /** Ends the lab when it aborts. */
  readonly signal?: AbortSignal
  /** Called with warnings of the links; by default they go to stderr. */
  readonly log?: (line: string) => void
}

export interface LabCableOptions {
  /** What the wire does in both directions, in words: `delay 20ms loss 1%`. */
  readonly wire?: string
  /** The same from the first namespace to the second, and back. */
  readonly wireAb?: string
  readonly wireBa?: string
  readonly mtu?: number
  /** The addresses of both ends, by default of 198.18.N.0/24 and 2001:db8:0:N::/64. */
  readonly addresses?: readonly [readonly string[], readonly string[]]
}

const NAME = /^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/i
/** Longer names are no names of interfaces. */
const NAME_MAX = 15

export class Lab implements AsyncDisposable {
  readonly #seed: number
  readonly #native: Native
  readonly #carrier: Carrier
  readonly #directory: string
  readonly #hosts: Hosts
  readonly #namespaces = new Map<string, LabNamespace>()
  readonly #links: LabLink[] = []
  #lastLink = 0
  #closed: Promise<void> | undefined

  /** @internal */
  constructor({ seed = 1, signal, log = line => console.error(line) }: LabOptions) {
    this.#seed = seed
    this.#native = loadNative()
    this.#directory = mkdtempSync(join(tmpdir(), `vnet-lab-${process.pid}-`))
    this.#hosts = new Hosts(this.#directory)
    this.#carrier = new Carrier(log)
    signal?.addEventListener('abort', () => void this.close(), { once: true })
  }

  /** Creates namespaces of these names, which are also the names of the hosts. */
  namespaces<const Names extends readonly string[]>(...names: Names): { [K in keyof Names]: LabNamespace } {
    return names.map(name => this.namespace(name)) as { [K in keyof Names]: LabNamespace }
  }

  namespace(name: string): LabNamespace {
    if (!NAME.test(name) || name.length > NAME_MAX) {
      throw new UsageError(`'${name}': a name has 1 to ${NAME_MAX} letters, digits and hyphens between them`)
    }
    if (this.#namespaces.has(name)) throw new UsageError(`${name}: the lab has a namespace of that name`)
    if (this.#closed !== undefined) throw new UsageError(`${name}: the lab has ended`)
    const namespace = new LabNamespace(name, { native: this.#native, hosts: this.#hosts })
    this.#namespaces.set(name, namespace)
    this.#hosts.add(namespace)
    return namespace
  }

  /**
   * Joins two namespaces by a cable. The interface of each end has the name of the other namespace.
   * Both are up, with a carrier and their addresses, when it returns.
   */
  async cable(a: LabNamespace, b: LabNamespace, options: LabCableOptions = {}): Promise<LabLink> {
    const number = ++this.#lastLink
    const { wire = '', wireAb = wire, wireBa = wire, mtu } = options
    const [ofA, ofB] = options.addresses ?? [addressesOf(number, 1), addressesOf(number, 2)]
    const spec = {
      a: { path: `${a.path}/${b.name}`, addresses: ofA },
      b: { path: `${b.path}/${a.name}`, addresses: ofB },
      ...{ ab: wordsOf(wireAb, 'ab'), ba: wordsOf(wireBa, 'ba'), seed: this.#seed + 2 * number, mtu },
    }
    const link = new LabLink(this.#carrier, await this.#carrier.call('cable', spec))
    this.#links.push(link)
    for (const [namespace, addresses] of [[a, ofA] as const, [b, ofB] as const]) {
      for (const cidr of addresses) {
        const [address = ''] = cidr.split('/')
        namespace.addresses.push(address)
        this.#hosts.addAddress(namespace, number, address)
      }
    }
    return link
  }

  /** Ends everything that the lab has made. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #close(): Promise<void> {
    const namespaces = [...this.#namespaces.values()]
    await Promise.all(namespaces.map(namespace => namespace.close()))
    await Promise.all(this.#links.map(link => link.close()))
    await this.#carrier.close()
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** Starts a lab. Without the rights that it needs, it throws an Error that says what to do. */
export async function createLab(options: LabOptions = {}): Promise<Lab> {
  options.signal?.throwIfAborted()
  return new Lab(options)
}

function addressesOf(link: number, host: number): string[] {
  return [`198.18.${link}.${host}/24`, `2001:db8:0:${link.toString(16)}::${host}/64`]
}
