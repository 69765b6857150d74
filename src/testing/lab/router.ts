/**
 * LabRouter: a namespace that forwards IPv4 and IPv6 packets. With a NAT, IPv4 hosts inside share
 * the router's address outside.
 */
import { writeSync } from 'node:fs'
import { ENOENT } from '../../base/errno.ts'
import { oneOf } from '../../base/schema.ts'
import { UsageError } from '../../base/usage-error.ts'
import { check, closing } from '../../linux/errno.ts'
import { O_WRONLY } from '../../linux/uapi.ts'
import type { LabLink } from './link.ts'
import { type LabInterface, LabNamespace, type NamespaceLab, nameOf } from './namespace.ts'
import type { NatKind } from './nat-table.ts'
import { ANY, checkNone, checkOptions, type Forms, LIST } from './options.ts'
import type { SocketPlace } from './sockets.ts'

export interface LabRouterOptions {
  /** Namespaces to be joined to the router, by a cable each: `ab` leads to the router. */
  readonly inside?: readonly LabNamespace[]
  /** A namespace to be joined to the router, which may be a router itself: `ab` leads to it. */
  readonly outside?: LabNamespace
  /**
   * The NAT between `inside` and `outside`. `masquerade` is that of the kernel. The others are
   * known from RFC 3489; RFC 4787 describes each by its mapping and its filtering:
   *
   * - `full-cone`: one port for all peers, each of which may send to it.
   * - `restricted`: one port for all peers. Addresses that were sent to may send to it.
   * - `symmetric`: a port for each peer, which alone may send to it.
   */
  readonly nat?: 'masquerade' | NatKind
}

const NATS = ['masquerade', 'full-cone', 'restricted', 'symmetric'] as const

export const ROUTER_OPTIONS: Forms<LabRouterOptions> = {
  inside: { ...LIST, text: 'a list of namespaces' },
  outside: ANY,
  nat: {
    accepts: value => (NATS as readonly unknown[]).includes(value),
    text: `a NAT, which are ${NATS.join(', ')}`,
    schema: oneOf(...NATS),
  },
}

/** Throws a UsageError for options of a router that are not understood. */
export function checkRouterOptions(name: string, options: LabRouterOptions): void {
  checkOptions(`router ${name}`, options, ROUTER_OPTIONS)
  const { nat, outside } = options
  if (nat !== undefined && outside === undefined) throw new UsageError(`router ${name}: a NAT needs \`outside\``)
}

/**
 * What makes a router of a namespace. A router looks for IPv6 neighbours from its link-local
 * address, which it could not use for a second or two if it looked for duplicates of it first.
 */
const SYSCTLS: readonly (readonly [path: string, value: string])[] = [
  ['/proc/sys/net/ipv4/ip_forward', '1'],
  ['/proc/sys/net/ipv6/conf/all/forwarding', '1'],
  ['/proc/sys/net/ipv6/conf/all/accept_dad', '0'],
  ['/proc/sys/net/ipv6/conf/default/accept_dad', '0'],
]

export class LabRouter extends LabNamespace {
  /** @internal For routes. */
  readonly isRouter = true
  readonly #nat: LabRouterOptions['nat']
  readonly #links = new Map<LabNamespace, LabLink>()
  readonly #outside: LabNamespace | undefined

  /** @internal */
  constructor(name: string, lab: NamespaceLab, { nat, outside }: LabRouterOptions) {
    super(name, lab, forward)
    this.#nat = nat
    this.#outside = outside
  }

  /** @internal The link outside the NAT. */
  get hiddenFrom(): number | undefined {
    return this.#nat === undefined ? undefined : this.outer?.link
  }

  /** @internal The interface outside. */
  get outer(): LabInterface | undefined {
    const links = this.#outside?.interfaces.map(({ link }) => link)
    return this.interfaces.find(({ link }) => links?.includes(link))
  }

  /** @internal */
  addLink(namespace: LabNamespace, link: LabLink): void {
    this.#links.set(namespace, link)
  }

  /** Returns the cable to a namespace that is inside or outside. Throws a UsageError. */
  linkTo(namespace: LabNamespace): LabLink {
    const link = this.#links.get(namespace)
    if (link === undefined)
      throw new UsageError(`the router ${this.name} was not made with a link to ${nameOf(namespace)}`)
    return link
  }

  /**
   * Has the NAT forget its mappings, as when it starts again: the next packet of each host inside
   * leaves by another port, and packets to the old ports are dropped. The kernel's NAT cannot do
   * that: it keeps the ports of hosts.
   */
  async rebind(...none: readonly never[]): Promise<void> {
    checkNone('rebind', none)
    if (this.#nat === undefined || this.#outside === undefined || this.#nat === 'masquerade') {
      throw new UsageError(`the router ${this.name} has no NAT that rebinds: make it with nat: 'restricted'`)
    }
    await this.linkTo(this.#outside).rebind()
  }
}

function forward({ native, nsfd }: SocketPlace): void {
  for (const [path, value] of SYSCTLS) {
    const fd = native.open(path, O_WRONLY, nsfd)
    // A kernel without IPv6 lacks the file.
    if (fd === -ENOENT) continue
    closing(native, check(fd, path), () => writeSync(fd, value))
  }
}
