/**
 * dhclient in a namespace of a test, with its files in a temporary directory. It sets the resolver
 * of the namespace (/etc/netns/NAME/resolv.conf, ip-netns(8)), which remove() deletes. The resolver
 * of the machine is never written to.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Child, Netns } from './netns.ts'
import { lines } from './traffic.ts'

const NAMESPACES = '/etc/netns'
const SCRIPT = resolve(import.meta.dirname, 'dhclient-script.sh')

export class Dhclient {
  readonly #netns: Netns
  readonly #dir: string
  readonly #etc: string

  constructor(netns: Netns, dir: string) {
    this.#netns = netns
    this.#dir = `${dir}/${netns.name}`
    this.#etc = `${NAMESPACES}/${netns.name}`
    mkdirSync(this.#dir)
    mkdirSync(this.#etc, { recursive: true })
    writeFileSync(`${this.#etc}/resolv.conf`, '')
    writeFileSync(`${this.#dir}/conf`, 'initial-interval 1; backoff-cutoff 2; initial-delay 0;\n')
  }

  /**
   * Gets a lease for the interface; returns the address. It runs until the namespace is removed.
   */
  async lease(name: string): Promise<string> {
    const files = `-cf ${this.#dir}/conf -lf ${this.#dir}/leases -pf ${this.#dir}/pid`
    const words = `dhclient -4 -d ${files} -e RESOLV=${this.#etc}/resolv.conf -sf ${SCRIPT} ${name} 2>&1`
    const child: Child = this.#netns.spawn(['sh', '-c', `exec ${words}`])
    const line = await lines(child).until(/^bound to /)
    return line.split(' ')[2] as string
  }

  /** Keeps /etc/netns, since other namespaces may have files in it. */
  remove(): void {
    rmSync(this.#etc, { recursive: true })
  }
}
