/**
 * The network of one sample: one or two network namespaces of its own with interfaces in pairs,
 * addresses from 198.18.0.0/15 and permanent neighbours, so that ARP plays no part. `remove()` is
 * synchronous and may be called at any time.
 *
 * cable: pair n is 198.18.n.1 and 198.18.n.2 in two namespaces. snull: both interfaces in one; what
 * leaves the first for 198.18.0.2 enters the second as 198.18.1.1 > 198.18.1.2, and back. loop: the
 * same with a single interface, which is both ends. The kernel has nothing that flips addresses, so
 * veth in snull is a pair in one namespace that policy routing sends over the wire, untranslated.
 * lan: one interface; the hosts on its network have addresses of their own.
 *
 * strangers: a cable, and a third namespace (`stranger`) with a kernel veth pair that leads
 * nowhere.
 */
import { mkdirSync, rmSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { run } from './processes.mjs'

/** Interfaces of the stranger: its port of the vnet, if any, and an end of the veth pair. */
export const STRANGER = 'bkC0'
export const IDLE = 'idle0'

export class Topology {
  /**
   * The pairs: `{ a, b, source, target }`, with the ends as `{ ns, name }`; `a` sends to `target`.
   */
  pairs

  /** A directory for the files of the candidate. */
  directory
  /** Set only for the shape `strangers`. */
  stranger

  /**
   * `shape` is cable, snull, loop, lan or strangers; `tag` makes the names of the namespaces
   * unique.
   */
  constructor(shape, tag, pairs = 1) {
    this.shape = shape
    const joined = shape === 'cable' || shape === 'strangers'
    const [near, far] = [`${tag}a`, joined ? `${tag}b` : `${tag}a`]
    this.pairs = Array.from({ length: pairs }, (_, n) => {
      const names = {
        cable: [`bkA${n}`, `bkB${n}`],
        strangers: [`bkA${n}`, `bkB${n}`],
        snull: ['sn0', 'sn1'],
        loop: ['lp0', 'lp0'],
        lan: ['eth9', 'eth9'],
      }[shape]
      return {
        a: { ns: near, name: names[0] },
        b: { ns: far, name: names[1] },
        source: `198.18.${n}.1`,
        target: `198.18.${n}.2`,
      }
    })
    this.namespaces = [...new Set([near, far])]
    this.directory = `/var/tmp/${tag}`
    if (shape !== 'strangers') return
    this.stranger = `${tag}c`
    this.namespaces.push(this.stranger)
  }

  /** The ends of the first pair. */
  get a() {
    return this.pairs[0].a
  }

  get b() {
    return this.pairs[0].b
  }

  create() {
    mkdirSync(this.directory)
    for (const ns of this.namespaces) {
      run('ip', 'netns', 'add', ns)
      run('ip', '-n', ns, 'link', 'set', 'lo', 'up')
      for (const scope of ['all', 'default']) {
        sysctl(ns, `ipv6/conf/${scope}/disable_ipv6`, 1)
        sysctl(ns, `ipv4/conf/${scope}/rp_filter`, 0)
      }
    }
    if (this.stranger === undefined) return
    run(
      'ip',
      '-n',
      this.stranger,
      'link',
      'add',
      IDLE,
      'up',
      'type',
      'veth',
      'peer',
      'name',
      'idle1',
    )
    run('ip', '-n', this.stranger, 'link', 'set', 'idle1', 'up')
  }

  remove() {
    for (const ns of this.namespaces) {
      try {
        run('ip', 'netns', 'del', ns)
      } catch {
        // It was never made, or has been removed.
      }
    }
    rmSync(this.directory, { recursive: true, force: true })
  }

  /** Makes each pair of interfaces a kernel veth pair. */
  addVeth() {
    for (const { a, b } of this.pairs) {
      run('ip', '-n', a.ns, 'link', 'add', a.name, 'type', 'veth', 'peer', b.name, 'netns', b.ns)
    }
  }

  /** Brings all interfaces up. */
  up() {
    for (const { a, b } of this.pairs) {
      for (const { ns, name } of [a, b]) {
        ip(ns, `link set ${name} up`)
      }
    }
  }

  /**
   * Sets addresses, links and neighbours; returns when the far ends reply to a ping within
   * `patience` seconds.
   */
  async configure(veth, patience = 1) {
    for (const pair of this.pairs) {
      if (this.shape === 'loop') {
        this.#configureLoop(pair)
      } else {
        this.#configurePair(pair, veth)
      }
      await this.#answer(pair, patience)
    }
  }

  /** Sets how many bytes a TCP connection may have under way, instead of the kernel's maximum. */
  setWindow(bytes) {
    for (const ns of this.namespaces) {
      for (const buffer of ['tcp_rmem', 'tcp_wmem']) {
        sysctl(ns, `ipv4/${buffer}`, `4096 131072 ${bytes}`)
      }
    }
  }

  /** Returns the sum of some counters of /proc/net/snmp over the namespaces and protocols. */
  counters(...names) {
    let sum = 0
    for (const ns of this.namespaces) {
      const lines = run(...inNamespace(ns), 'cat', '/proc/net/snmp').split('\n')
      for (let i = 0; i + 1 < lines.length; i += 2) {
        const values = lines[i + 1].split(' ')
        for (const [at, name] of lines[i].split(' ').entries()) {
          if (names.includes(name)) {
            sum += Number(values[at])
          }
        }
      }
    }
    return sum
  }

  #configurePair({ a, b, source, target }, veth) {
    const flipped = this.shape === 'snull' && !veth
    const routed = this.shape === 'snull' && veth
    const prefix = routed ? 32 : 24
    ip(a.ns, `addr add ${source}/${prefix} dev ${a.name}`)
    ip(b.ns, `addr add ${flipped ? '198.18.1.2' : target}/${prefix} dev ${b.name}`)
    for (const { ns, name } of [a, b]) {
      ip(ns, `link set ${name} up`)
    }
    if (routed) {
      routeOverTheWire(a, b, source, target)
    }
    ip(a.ns, `neigh replace ${target} lladdr ${mac(b)} dev ${a.name} nud permanent`)
    ip(
      b.ns,
      `neigh replace ${flipped ? '198.18.1.1' : source} lladdr ${mac(a)} dev ${b.name} nud permanent`,
    )
  }

  #configureLoop({ a, source }) {
    for (const address of [source, '198.18.1.2']) {
      ip(a.ns, `addr add ${address}/24 dev ${a.name}`)
    }
    ip(a.ns, `link set ${a.name} up`)
  }

  async #answer({ a, target }, patience) {
    for (let tries = 20; ; tries--) {
      try {
        run(...inNamespace(a.ns), 'ping', '-c', '1', '-W', patience, '-n', target)
        return
      } catch {
        if (tries === 0) throw new Error(`${target} does not answer a ping`)
        await delay(50)
      }
    }
  }
}

/**
 * Returns the prefix of a command line that runs it in a namespace. It execs, so that the pid is
 * the program's.
 */
export function inNamespace(ns) {
  return ['ip', 'netns', 'exec', ns]
}

/**
 * Both ends are local. The local table is used only for incoming packets, so the others take the
 * wire.
 */
function routeOverTheWire(a, b, source, target) {
  for (const { ns, name } of [a, b]) {
    sysctl(ns, `ipv4/conf/${name}/accept_local`, 1)
  }
  ip(a.ns, `route add ${target}/32 dev ${a.name} src ${source} table 100`)
  ip(a.ns, `route add ${source}/32 dev ${b.name} src ${target} table 101`)
  ip(a.ns, `rule add pref 10 iif ${a.name} lookup local`)
  ip(a.ns, `rule add pref 11 iif ${b.name} lookup local`)
  ip(a.ns, `rule add pref 20 to ${target} lookup 100`)
  ip(a.ns, `rule add pref 21 to ${source} lookup 101`)
  ip(a.ns, 'rule add pref 30 lookup local')
  ip(a.ns, 'rule del pref 0')
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
