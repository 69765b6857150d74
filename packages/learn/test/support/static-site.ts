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
  #directory: string
  #port = 0
  readonly #asked = new Set<string>()
  /** What the service worker loads before a page asks for it. */
  readonly #askedEarly = new Set<string>()

  /** Serves a directory below a path, `/some/site/`, until the end of the file's tests. */
  constructor(directory: string, base: string) {
    this.#base = base
    this.#directory = directory
    this.#server = createServer((request, response) => {
      const { pathname } = new URL(`${request.url}`, 'http://site')
      const file = join(this.#directory, relative(base, pathname) || 'index.html')
      const isFile = pathname.startsWith(base) && existsSync(file) && statSync(file).isFile()
      const missing = pathname === '/favicon.ico' ? 204 : 404
      response.writeHead(isFile ? 200 : missing, {
        'content-type': TYPES[extname(file)] ?? 'text/plain',
      })
      response.end(isFile ? readFileSync(file) : '')
    })
    afterAll(() => this.stop())
  }

  /** Serves the files, of another directory if one is given, at the same address after a stop. */
  async listen(directory = this.#directory): Promise<void> {
    this.#directory = directory
    await once(this.#server.listen(this.#port, '127.0.0.1'), 'listening')
    this.#port = (this.#server.address() as AddressInfo).port
  }

  stop(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }

  get #origin(): string {
    return `http://127.0.0.1:${this.#port}`
  }

  get address(): string {
    return this.#origin + this.#base
  }

  open(
    browser: TestBrowser,
    path = '',
    options: Parameters<TestBrowser['open']>[1] = {},
  ): Promise<Page> {
    const prepare = async (page: Page) => {
      page.context().on('request', request => {
        const asked = request.serviceWorker() === null ? this.#asked : this.#askedEarly
        asked.add(request.url())
      })
    }
    return browser.open(this.address + path, { ...options, prepare })
  }

  /** The addresses that pages asked for, and those of others that the service worker did. */
  get asked(): { readonly own: readonly string[]; readonly others: readonly string[] } {
    const isOwn = (url: string) =>
      [this.address, `${this.#origin}/favicon.ico`, `blob:${this.#origin}/`, 'data:'].some(start =>
        url.startsWith(start),
      )
    const others = [...this.#asked, ...this.#askedEarly].filter(url => !isOwn(url))
    return { own: [...this.#asked].filter(isOwn), others }
  }
}
