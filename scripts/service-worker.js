/**
 * The service worker of the site, which works without a network after the first visit. `scripts/
 * offline-site.mjs` puts constants before it: FILES, the digests of all files by their paths;
 * EARLY, the paths of those to load now; and VERSION. It asks no other server.
 */
/* global FILES, EARLY, VERSION */

const { scope } = self.registration
const PREFIX = `vnet ${new URL(scope).pathname} `
const CACHE = PREFIX + VERSION

/** Returns the caches of this site. */
async function ownCaches() {
  return (await caches.keys()).filter(name => name.startsWith(PREFIX))
}

/** Returns the digest of a file, as scripts/offline-site.mjs makes it. */
async function digest(bytes) {
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes))
  return Array.from(hash.subarray(0, 6), byte => byte.toString(16).padStart(2, '0')).join('')
}

/**
 * Loads a file past the browser's own cache, which may have an older one, and keeps it if it is of
 * this version. A server has files of another version after a deploy, and of two during one.
 */
async function load(path) {
  const response = await fetch(scope + path, { cache: 'no-cache' })
  const bytes = await response.arrayBuffer()
  const { status, headers } = response
  // A redirected response would not be accepted as a page.
  const loaded = new Response(bytes, { status, headers })
  if ((await digest(bytes)) === FILES[path]) {
    await (await caches.open(CACHE)).put(scope + path, loaded.clone())
  }
  return loaded
}

/**
 * Fills the cache with the early files, and with the visited pages, which older caches have. Throws
 * if a file is of another version: the browser then keeps the old service worker and tries again.
 */
async function fill() {
  const unchanged = new Map()
  const wanted = new Set(EARLY)
  for (const name of await ownCaches()) {
    const old = await caches.open(name)
    for (const { url } of await old.keys()) {
      const path = url.slice(scope.length)
      if (!Object.hasOwn(FILES, path)) continue
      wanted.add(path)
      const response = await old.match(url)
      if ((await digest(await response.clone().arrayBuffer())) === FILES[path]) {
        unchanged.set(path, response)
      }
    }
  }
  const cache = await caches.open(CACHE)
  const add = async path => {
    if (unchanged.has(path)) return cache.put(scope + path, unchanged.get(path))
    await load(path)
    if ((await cache.match(scope + path)) === undefined) {
      throw new Error(`${path} is of another version`)
    }
  }
  await Promise.all([...wanted].map(add))
}

/** Deletes old caches except the last: pages of its version may be open. Serves open pages. */
async function takeOver() {
  const old = (await ownCaches()).filter(name => name !== CACHE)
  await Promise.all(old.slice(0, -1).map(name => caches.delete(name)))
  await self.clients.claim()
}

/** Returns the path of the file at an address; undefined for an address without one. */
function pathOf(url) {
  const { origin, pathname } = new URL(url)
  const path = (origin + pathname).slice(scope.length)
  return [path, `${path}.html`, `${path}index.html`].find(each => Object.hasOwn(FILES, each))
}

async function respond(path) {
  return (await (await caches.open(CACHE)).match(scope + path)) ?? load(path)
}

/** Returns a file of the version before: its open pages load scripts only when they use them. */
async function respondToOpenPage(request) {
  return (await caches.match(request.url)) ?? fetch(request)
}

self.addEventListener('install', event => {
  self.skipWaiting()
  event.waitUntil(fill())
})
self.addEventListener('activate', event => event.waitUntil(takeOver()))
self.addEventListener('fetch', event => {
  const { method, mode, url } = event.request
  if (method !== 'GET' || !url.startsWith(scope)) return
  const path = pathOf(url)
  if (path !== undefined) {
    event.respondWith(respond(path))
  } else if (mode !== 'navigate') {
    event.respondWith(respondToOpenPage(event.request))
  }
})
