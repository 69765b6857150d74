/** The driver of a link in browsers: it gets its verdict, and reaches no server. */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { BROWSERS } from '../../../web/test/support/web/browser.ts'
import { COURSE } from '../../src/folder.ts'
import { type Case, checkedIn, writeSite } from '../support/browser-checks.ts'

const LIMIT_MS = 120_000
const directory = fileDirectory()
const solution = readFileSync(join(COURSE, '01-drop/solution.js'), 'utf8')

/** A server that permits everything, and counts whoever connects. */
let connections = 0
const other = createServer((_, response) => {
  response.writeHead(200, { 'access-control-allow-origin': '*', 'content-type': 'text/javascript' })
  response.end('')
})
other.on('connection', () => connections++)
afterAll(() => other.close())

/** Attempts at a URL, `u`; each may wait. */
const ATTEMPTS = [
  'fetch(u)',
  'new Request(u).constructor && fetch(new Request(u))',
  `new Promise(end => {
    const request = new XMLHttpRequest()
    request.onloadend = end
    request.open('GET', u)
    request.send()
  })`,
  "ends(new WebSocket(u.replace('http', 'ws')))",
  'ends(new EventSource(u))',
  "new WebTransport(u.replace('http', 'https')).ready",
  "new WebSocketStream(u.replace('http', 'ws')).opened",
  'importScripts(u)',
  'navigator.sendBeacon(u)',
  "new FontFace('leaked', 'url(' + u + ')').load()",
  "ends(new Worker(u, { type: 'module' }))",
  "ends(new Worker(URL.createObjectURL(new Blob(['import ' + JSON.stringify(u)])), { type: 'module' }))",
  "ends(new SharedWorker(u, { type: 'module' }))",
  "new RTCPeerConnection({ iceServers: [{ urls: u.replace('http://', 'stun:') }] })",
  "eval('import(u)')",
  "new Function('u', 'return import(u)')(u)",
  "(async () => {}).constructor('u', 'return import(u)')(u)",
  "caches.open('leaked').then(cache => cache.add(u))",
]
/** Expressions that reach what pages of the site keep, or pages. */
const SHARED = [
  'caches',
  'indexedDB',
  'navigator.storage',
  'navigator.locks',
  'new BroadcastChannel("pages")',
]

const textOf = (port: number) => `${solution}
const ends = target => new Promise(end => { target.onopen = target.onerror = target.onclose = end })
for (const from of ['http://127.0.0.1:${port}', location.origin]) {
  const u = from + '/leaked'
  for (const attempt of [${ATTEMPTS.map(text => `() => ${text}`).join(',\n')}]) {
    try { await attempt() } catch {}
  }
}
for (const reach of [${SHARED.map(text => `() => ${text}`).join(', ')}]) {
  let found
  try { found = reach() } catch {}
  if (found !== undefined) throw new Error('reached ' + reach)
}
`

let cases: readonly Case[] = []

beforeAll(async () => {
  await once(other.listen(0, '127.0.0.1'), 'listening')
  const { port } = other.address() as AddressInfo
  const computed = `${solution}const u = 'http://127.0.0.1:${port}/leaked'\nawait import(u)\n`
  const fixed = `import 'http://127.0.0.1:${port}/leaked'\nimport '/leaked' with { type: 'json' }\n${solution}`
  cases = [
    { name: 'attempts', exercise: '01-drop', text: textOf(port) },
    { name: 'a computed import', exercise: '01-drop', text: computed },
    { name: 'an import', exercise: '01-drop', text: fixed },
  ]
  await writeSite(directory)
}, LIMIT_MS)

test.each(BROWSERS)(
  'a driver that tries each API that connects gets its verdict, and no server gets a request, in %s',
  async browser => {
    const asked: string[] = []
    const [attempts, computed, fixed] = await checkedIn(browser, directory, { cases, asked })
    expect(connections).toBe(0)
    expect(asked.filter(path => path.includes('leaked'))).toEqual([])
    expect(attempts?.results.map(({ result, seen }) => ({ result, seen }))).toEqual(
      attempts?.results.map(() => ({ result: 'passed', seen: undefined })),
    )
    expect(attempts?.results.length).toBeGreaterThan(3)
    expect(computed?.results.at(0)?.seen).toContain(
      "/drop.js imports 'import(u)': a driver of an exercise imports 'vnet'",
    )
    expect(fixed?.results.at(0)?.seen).toMatch(/drop.js imports 'http:.*leaked': a driver/)
  },
  LIMIT_MS,
)
