/**
 * The network of one sample: one or two network namespaces of its own with two interfaces, addresses from 198.18.0.0/15
 * and permanent neighbours, so that ARP plays no part. `remove()` is synchronous and may be called at any moment.
 *
 * cable: 198.18.0.1 and 198.18.0.2 in two namespaces. snull: both interfaces in one; what leaves the first for 198.18.0.2
 * enters the second as 198.18.1.1 > 198.18.1.2, and back. The kernel has nothing that flips addresses, so veth in snull is a
 * pair in one namespace that policy routing sends over the wire, untranslated.
 */
import { setTimeout as delay } from 'node:timers/promises'
import { run } from './processes.mjs'

const SOURCE = '198.18.0.1'

export class Topology {
  /** The address that the first interface sends to. */
  target = '198.18.0.2'

  /** `tag` makes the names of the namespaces unique. */
  constructor(kase, tag) {
    this.kase = kase
    this.a = { ns: `${tag}a`, name: kase === 'cable' ? 'bkA' : 'sn0' }
    this.b = kase === 'cable' ? { ns: `${tag}b`, name: 'bkB' } : { ns: `${tag}a`, name: 'sn1' }
    this.namespaces = [...new Set([this.a.ns, this.b.ns])]
  }

  create() {
    for (const ns of this.namespaces) {
      run('ip', 'netns', 'add', ns)
      run('ip', '-n', ns, 'link', 'set', 'lo', 'up')
      for (const scope of ['all', 'default']) {
        sysctl(ns, `ipv6/conf/${scope}/disable_ipv6`, 1)
        sysctl(ns, `ipv4/conf/${scope}/rp_filter`, 0)
      }
    }
  }

  remove() {
    for (const ns of this.namespaces) {
      try {
        run('ip', 'netns', 'del', ns)
      } catch {
        // It was never made, or is gone already.
      }
    }
  }

  /** Makes the two interfaces a kernel veth pair. */
  addVeth() {
    run('ip', '-n', this.a.ns, 'link', 'add', this.a.name, 'type', 'veth', 'peer', this.b.name, 'netns', this.b.ns)
  }

  /** Addresses, links up, neighbours; returns when the far end answers a ping. */
  async configure(veth) {
    const { a, b, target } = this
    const flipped = this.kase === 'snull' && !veth
    const routed = this.kase === 'snull' && veth
    const prefix = routed ? 32 : 24
    ip(a.ns, `addr add ${SOURCE}/${prefix} dev ${a.name}`)
    ip(b.ns, `addr add ${flipped ? '198.18.1.2' : target}/${prefix} dev ${b.name}`)
    for (const { ns, name } of [a, b]) ip(ns, `link set ${name} up`)
    if (routed) this.#routeOverTheWire()
    ip(a.ns, `neigh replace ${target} lladdr ${mac(b)} dev ${a.name} nud permanent`)
    ip(b.ns, `neigh replace ${flipped ? '198.18.1.1' : SOURCE} lladdr ${mac(a)} dev ${b.name} nud permanent`)
    for (let tries = 20; !this.#answers(); tries--) {
      if (tries === 0) throw new Error(`${target} does not answer a ping`)
      await delay(50)
    }
  }

  /** The sum of some of the counters of /proc/net/snmp, over the namespaces and protocols. */
  counters(...names) {
    let sum = 0
    for (const ns of this.namespaces) {
      const lines = run(...inNamespace(ns), 'cat', '/proc/net/snmp').split('\n')
      for (let i = 0; i + 1 < lines.length; i += 2) {
        const values = lines[i + 1].split(' ')
        for (const [at, name] of lines[i].split(' ').entries()) if (names.includes(name)) sum += Number(values[at])
      }
    }
    return sum
  }

  /** Both ends are local: the local table is consulted only for what comes in, and the rest takes the wire. */
  #routeOverTheWire() {
    const { a, b, target } = this
    for (const { ns, name } of [a, b]) sysctl(ns, `ipv4/conf/${name}/accept_local`, 1)
    ip(a.ns, `route add ${target}/32 dev ${a.name} src ${SOURCE} table 100`)
    ip(a.ns, `route add ${SOURCE}/32 dev ${b.name} src ${target} table 101`)
    ip(a.ns, `rule add pref 10 iif ${a.name} lookup local`)
    ip(a.ns, `rule add pref 11 iif ${b.name} lookup local`)
    ip(a.ns, `rule add pref 20 to ${target} lookup 100`)
    ip(a.ns, `rule add pref 21 to ${SOURCE} lookup 101`)
    ip(a.ns, 'rule add pref 30 lookup local')
    ip(a.ns, 'rule del pref 0')
  }

  #answers() {
    try {
      run(...inNamespace(this.a.ns), 'ping', '-c', '1', '-W', '1', '-n', this.target)
      return true
    } catch {
      return false
    }
  }
}

/** The words that run a command in a namespace when put before it. They exec, so that the pid is the program's own. */
export function inNamespace(ns) {
  return ['ip', 'netns', 'exec', ns]
}

function ip(ns, words) {
  run('ip', '-n', ns, ...words.split(' '))
}

function mac({ ns, name }) {
  return JSON.parse(run('ip', '-n', ns, '-j', 'link', 'show', name))[0].address
}

/** A kernel without IPv6 has no file to write. */
function sysctl(ns, key, value) {
  const write = '[ ! -e "$0" ] || echo "$1" > "$0"'
  run(...inNamespace(ns), 'sh', '-c', write, `/proc/sys/net/${key}`, String(value))
}
