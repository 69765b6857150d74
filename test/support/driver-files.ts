/** Driver files as users write them, in a directory of the test, which `remove` deletes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** The path that a driver file imports in place of 'vnet'. */
export const LIBRARY = new URL('../../dist/index.js', import.meta.url).href

export interface DriverText {
  /** The names of its interfaces; `mine0` by default. */
  readonly names?: readonly string[]
  /** Operations of its first interface; by default it drops every frame. */
  readonly ops?: string
  /** Further code of setup, of init (which has `context`), and of exit. */
  readonly setup?: string
  readonly init?: string
  readonly exit?: string
  readonly params?: string
  readonly imports?: string
}

export class DriverFiles {
  #directory: string

  constructor(directory = mkdtempSync(join(tmpdir(), 'vnet-test-'))) {
    this.#directory = directory
  }

  /** Writes further files to `directory`. A process loads the module at a path only once. */
  moveTo(directory: string): void {
    this.#directory = directory
  }

  /** Writes a file and returns its path. */
  write(text: string, name = 'my-driver.mjs'): string {
    const path = join(this.#directory, name)
    writeFileSync(path, text)
    return path
  }

  /** Writes a driver file and returns its path. */
  driver({
    names = ['mine0'],
    ops = '',
    setup = '',
    init = '',
    exit = '',
    params = '',
    imports = '',
  }: DriverText): string {
    return this.write(`import * as vnet from '${LIBRARY}'
    ${imports}
    const { defineDriver, allocEtherdevMqs, IFF_PROMISC, IFF_ALLMULTI, netifCarrierOff, netifCarrierOn } = vnet
    function make(name, first) {
      const setup = dev => {
        dev.netdevOps = { ndoStartXmit: skb => skb.drop(), ...(first ? { ${ops} } : {}) }
        ${setup}
      }
      return { dev: allocEtherdevMqs({ name, setup, priv: {} }) }
    }
    export const driver = defineDriver({
      name: 'mine', description: 'a driver of my own', params: { ${params} },
      init(params, context) { ${init}; return ${JSON.stringify(names)}.map((name, i) => make(name, i === 0)) },
      exit() { ${exit} },
    })
`)
  }

  remove(): void {
    rmSync(this.#directory, { recursive: true })
  }
}
