/**
 * Hosts: the names of a lab's namespaces. Each namespace has a file for its programs (hosts(5)) and
 * a lookup for sockets of this process, in which an address on a common link comes first.
 */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { UsageError } from '../../netdev/driver.ts'
import type { Place } from './sockets.ts'

/** A namespace, as far as names are concerned. */
interface Named {
  readonly name: string
}

interface Entry {
  readonly address: string
  readonly family: 4 | 6
  /** The link that the address is on. */
  readonly link: number
}

type LookupCallback = (error: Error | null, address?: string, family?: number) => void

export class Hosts {
  readonly #directory: string
  readonly #entries = new Map<Named, Entry[]>()

  /** `directory` is where the files are written. */
  constructor(directory: string) {
    this.#directory = directory
  }

  add(host: Named): void {
    this.#entries.set(host, [])
    this.#write()
  }

  /** Notes that a host has an address on a link. */
  addAddress(host: Named, link: number, address: string): void {
    const family = address.includes(':') ? 6 : 4
    this.#entries.get(host)?.push({ address, family, link })
    this.#write()
  }

  /** The path of the file of a host. */
  fileOf({ name }: Named): string {
    return join(this.#directory, `hosts-${name}`)
  }

  /** Returns the address by which `from` reaches the host `name`. Throws a UsageError. */
  find(from: Named, name: string, family?: 4 | 6): Place {
    if (name === 'localhost') return family === 6 ? { address: '::1', family } : { address: '127.0.0.1', family: 4 }
    const [first] = this.#addresses(from, name).filter(entry => family === undefined || entry.family === family)
    if (first !== undefined) return first
    const known = [...this.#entries.keys()].map(host => host.name).join(', ')
    throw new UsageError(
      `${name}: no namespace of this lab with an address${family === 6 ? ' of IPv6' : ''}; there are ${known}`,
    )
  }

  /** Returns a function like dns.lookup for sockets of a namespace. */
  lookupOf(from: Named, family: 4 | 6): (name: string, ...rest: unknown[]) => void {
    return (name, ...rest) => {
      const callback = rest.at(-1) as LookupCallback
      try {
        const found =
          name.includes(':') || /^[\d.]+$/.test(name) ? { address: name, family } : this.find(from, name, family)
        callback(null, found.address, found.family)
      } catch (error) {
        callback(error as Error)
      }
    }
  }

  /** The addresses of a host, those on a link of `from` first. */
  #addresses(from: Named, name: string): Entry[] {
    const own = new Set(this.#entries.get(from)?.map(({ link }) => link))
    const [host] = [...this.#entries.keys()].filter(each => each.name === name)
    const found = host === undefined ? [] : (this.#entries.get(host) ?? [])
    if (host === from)
      return [
        { address: '127.0.0.1', family: 4, link: 0 },
        { address: '::1', family: 6, link: 0 },
      ]
    return [...found.filter(({ link }) => own.has(link)), ...found.filter(({ link }) => !own.has(link))]
  }

  #write(): void {
    for (const from of this.#entries.keys()) {
      const lines = ['127.0.0.1 localhost', '::1 localhost ip6-localhost']
      for (const { name } of this.#entries.keys()) {
        for (const { address } of this.#addresses(from, name)) lines.push(`${address} ${name}`)
      }
      // In place: programs that run have this very file.
      writeFileSync(this.fileOf(from), `${lines.join('\n')}\n`)
    }
  }
}
