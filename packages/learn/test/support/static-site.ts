/** A server of static files, and the addresses that pages ask for. */
import { once } from 'node:events'
import { existsSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join, relative } from 'node:path'
import type { Page } from 'playwright-core'
import { afterAll } from 'vitest'
import type { TestBrowser } from '../../../web/test/support/web/browser.ts'

const TYPES: Readonly<Record<string, string>> = {
  '.js': 'text/javascript',
  '.html': 'text/html',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}

export class StaticSite {
  readonly #server
  readonly #base: string
  readonly #asked = new Set<string>()

  /** Serves a directory below a path, `/some/site/`, until the end of the file's tests. */
  constructor(directory: string, base: string) {
    this.#base = base
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(`${request.url}`, 'http://site')
      const file = join(directory, relative(base, pathname) || 'index.html')
      const isFile = pathname.startsWith(base) && existsSync(file) && statSync(file).isFile()
      const isIcon = pathname === '/favicon.ico'
      response.writeHead(isFile ? 200 : isIcon ? 204 : 404, { 'content-type': TYPES[extname(file)] ?? 'text/plain' })
      response.end(isFile ? readFileSync(file) : '')
    })
    afterAll(() => {
      this.#server.closeAllConnections()
      this.#server.close()
    })
  }

  async listen(): Promise<void> {
    await once(this.#server.listen(0, '127.0.0.1'), 'listening')
  }

  get #origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  get address(): string {
    return this.#origin + this.#base
  }

  open(browser: TestBrowser, path = '', options: Parameters<TestBrowser['open']>[1] = {}): Promise<Page> {
    const prepare = async (page: Page) => {
      page.context().on('request', request => this.#asked.add(request.url()))
    }
    return browser.open(this.address + path, { ...options, prepare })
  }

  /** The addresses that pages asked for, of this site and of others. */
  get asked(): { readonly own: readonly string[]; readonly others: readonly string[] } {
    const isOwn = (url: string) =>
      [this.address, `${this.#origin}/favicon.ico`, `blob:${this.#origin}/`, 'data:'].some(start =>
        url.startsWith(start),
      )
    const all = [...this.#asked]
    return { own: all.filter(isOwn), others: all.filter(url => !isOwn(url)) }
  }
}
