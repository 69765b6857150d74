/** The service worker of the site, with caches and a server in memory. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { runInNewContext } from 'node:vm'
import { beforeEach, expect, test } from 'vitest'
import { testDirectory, written } from '#support/fresh-directory.ts'
import { writeServiceWorker } from '../../../scripts/offline-site.mjs'

const SCOPE = 'https://example.org/vnet/'
const EARLY = 'playground.html'
const VISITED = 'tap.html'

type Files = Readonly<Record<string, string>>
type Listener = (event: object) => void

/** The files that the server has, by their paths. */
let server: Files = {}
const stored = new Map<string, Map<string, Response>>()
beforeEach(() => stored.clear())

const caches = {
  keys: async () => [...stored.keys()],
  delete: async (name: string) => stored.delete(name),
  match: async (url: string) =>
    [...stored.values()].map(cache => cache.get(url)?.clone()).find(Boolean),
  async open(name: string) {
    const cache = stored.get(name) ?? new Map<string, Response>()
    stored.set(name, cache)
    return {
      keys: async () => Array.from(cache.keys(), url => ({ url })),
      match: async (url: string) => cache.get(url)?.clone(),
      put: async (url: string, response: Response) => void cache.set(url, response),
    }
  },
}

async function fetchFile(request: string | { readonly url: string }): Promise<Response> {
  const url = typeof request === 'string' ? request : request.url
  const text = server[url.slice(SCOPE.length)]
  return text === undefined ? new Response('no such page', { status: 404 }) : new Response(text)
}

/** The service worker of a version of the site. */
class Version {
  readonly #listeners: Readonly<Record<string, Listener>>

  constructor(files: Files) {
    const directory = testDirectory()
    for (const [path, text] of Object.entries(files)) {
      written(directory, path, text)
    }
    writeServiceWorker(directory)
    const listeners: Record<string, Listener> = {}
    const self = {
      registration: { scope: SCOPE },
      addEventListener(type: string, listener: Listener) {
        listeners[type] = listener
      },
      skipWaiting() {},
      clients: { claim() {} },
    }
    const globals = { self, caches, fetch: fetchFile, Response, URL, Uint8Array, crypto }
    runInNewContext(readFileSync(join(directory, 'service-worker.js'), 'utf8'), globals)
    this.#listeners = listeners
  }

  async install(): Promise<void> {
    for (const type of ['install', 'activate']) {
      let end: Promise<unknown> | undefined
      this.#listeners[type]?.({
        waitUntil(promise: Promise<unknown>) {
          end = promise
        },
      })
      await end
    }
  }

  /** Returns the response to a page; undefined if the browser asks the server. */
  async get(path: string, mode = 'navigate'): Promise<Response | undefined> {
    let response: Promise<Response> | undefined
    const request = { method: 'GET', mode, url: SCOPE + path }
    this.#listeners.fetch?.({
      request,
      respondWith(promise: Promise<Response>) {
        response = promise
      },
    })
    return response
  }

  async textOf(path: string, mode?: string): Promise<string | undefined> {
    return (await this.get(path, mode))?.text()
  }
}

const [first, second]: readonly [Files, Files] = [
  { [EARLY]: '1', [VISITED]: '1' },
  { [EARLY]: '2', [VISITED]: '1' },
]

test('a page of a later version is shown, but not kept as one of this version', async () => {
  server = first
  const version = new Version(first)
  await version.install()
  server = { ...second, [VISITED]: 'later' }
  expect(await version.textOf(VISITED)).toBe('later')
  server = first
  expect(await version.textOf(VISITED)).toBe('1')
  server = {}
  expect(await version.textOf(VISITED)).toBe('1')
})

test('a version is installed once the server has all of its early files, and the old one serves until then', async () => {
  server = first
  const version = new Version(first)
  await version.install()
  const next = new Version(second)
  await expect(next.install()).rejects.toThrow(`${EARLY} is of another version`)
  expect(await version.textOf(EARLY)).toBe('1')
  server = second
  await next.install()
  expect(await next.textOf(EARLY)).toBe('2')
})

test('the icon of every page is kept before it is asked for', async () => {
  server = { ...first, 'icon.svg': 'a mark' }
  const version = new Version(server)
  await version.install()
  server = {}
  expect(await version.textOf('icon.svg', 'no-cors')).toBe('a mark')
})

test('a page that is open during a deploy gets its scripts, but no page is of an old version', async () => {
  const [script, removed] = ['checks-1.js', 'playground-removed.html']
  const files = { ...first, [script]: 'its script', [removed]: '1' }
  server = files
  await new Version(files).install()
  server = second
  const next = new Version(second)
  await next.install()
  expect(await next.textOf(script, 'cors')).toBe('its script')
  expect(await next.get(removed)).toBeUndefined()
  server = { ...second, [VISITED]: '2' }
  const last = new Version(server)
  await last.install()
  expect((await last.get(script, 'cors'))?.status).toBe(404)
})

test('a visited page is taken from the cache of the version before if it has not changed', async () => {
  server = first
  const version = new Version(first)
  await version.install()
  expect(await version.textOf(VISITED)).toBe('1')
  server = { [EARLY]: '2' }
  const next = new Version(second)
  await next.install()
  expect(await next.textOf(VISITED)).toBe('1')
})

test('a page that the server does not have any more is a 404 response, and is not kept', async () => {
  server = first
  const version = new Version(first)
  await version.install()
  server = {}
  expect((await version.get(VISITED))?.status).toBe(404)
  server = first
  expect((await version.get(VISITED))?.status).toBe(200)
})
