// @ts-check
/**
 * A server of the page without vnets: it serves the built page, sends what a FakeWorld and a test
 * give it, and records what the page asks for. To look at the page by hand:
 *
 *     node packages/web/test/support/web/fake-feed.mjs [PORT [DEVICES [HOSTS]]]
 */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { readPage } from '../../../dist/files.js'
import { SECURITY_HEADERS } from '../../../dist/http/server.js'
import { ServerToken } from '../../../dist/http/token.js'
import { FakeWorld } from './fake-world.mjs'

/** @typedef {import('../../../src/feed-types.ts').FeedMessage} FeedMessage */
/** @typedef {import('../../../src/feed-types.ts').CommandRequest} CommandRequest */
/** @typedef {import('../../../src/feed-types.ts').Want} Want */
/** @typedef {import('node:http').IncomingMessage} Request */
/** @typedef {import('node:http').ServerResponse} Response */
/** @typedef {import('./fake-types.ts').Feed} Feed */

export const TOKEN = 'fake-token'
/** Messages that a page gets only with the token. */
const SECRET = ['frames', 'flights', 'dhcp']

const HEADERS = { ...SECURITY_HEADERS }

export class FakeFeed {
  /** The feeds that are open. @type {Set<Feed>} */
  feeds = new Set()
  /** The commands that came, in their order. @type {CommandRequest[]} */
  commands = []
  /** The addresses of the captures that were asked for. @type {string[]} */
  captures = []
  #quarters = 0
  #token = new ServerToken(TOKEN)
  #files = readPage()
  #server = createServer((request, response) => void this.#take(request, response))

  /**
   * @param {FakeWorld} world
   * @param {<T>(message: T) => T} change what becomes of each message and result before it is sent
   */
  constructor(world = new FakeWorld(), change = message => message) {
    this.world = world
    this.change = change
  }

  /** Listens, and returns the address of the page. @param {number} port */
  async listen(port = 0) {
    this.#server.listen(port, '127.0.0.1')
    await once(this.#server, 'listening')
    const { port: used } = /** @type {import('node:net').AddressInfo} */ (this.#server.address())
    return `http://127.0.0.1:${used}/#token=${TOKEN}`
  }

  /** Closes all connections, like a server that ends. */
  async close() {
    this.#server.close()
    this.#server.closeAllConnections()
    if (this.#server.listening) {
      await once(this.#server, 'close')
    }
  }

  async [Symbol.asyncDispose]() {
    await this.close()
  }

  /**
   * Sends a message to all feeds, or to the feeds that want it for its device. Resolves when the
   * connections have taken it.
   * @param {FeedMessage | undefined} message
   */
  async send(message) {
    if (message === undefined) return
    await Promise.all(
      [...this.feeds]
        .filter(feed => wants(feed, message))
        .map(feed => write(feed, this.change(message))),
    )
  }

  /** Sends what a quarter of a second brings: parts and frames, and once a second the rest. */
  async quarter(frames = 5) {
    this.world.advance(250)
    for (const id of this.devices) {
      await this.send(this.world.parts(id))
      if (frames > 0) {
        await this.send(this.world.frames(id, frames))
      }
    }
    if (++this.#quarters % 4 !== 0) return
    for (const id of this.devices) {
      await this.send(this.world.wire(id))
    }
    await this.send(this.world.stats())
    if (this.#quarters % 8 === 0) {
      for (const id of this.devices) {
        await this.send(this.world.segment(id))
      }
    }
  }

  /** Sends what a second brings. @param {number} [frames] of each quarter */
  async second(frames) {
    for (let i = 0; i < 4; i++) {
      await this.quarter(frames)
    }
  }

  /** The devices that are looked at, and their peers. */
  get devices() {
    return new Set(
      [...this.feeds].flatMap(({ device, peer }) => (peer === '' ? [device] : [device, peer])),
    )
  }

  /** @param {Request} request @param {Response} response */
  async #take(request, response) {
    const url = new URL(request.url ?? '/', 'http://127.0.0.1')
    const file = this.#files.get(url.pathname)
    if (file !== undefined) {
      return response.writeHead(200, { ...HEADERS, 'content-type': file.type }).end(file.bytes)
    }
    if (url.pathname === '/proof') {
      const proof = this.#token.prove(url.searchParams.get('nonce') ?? '')
      return response
        .writeHead(200, { ...HEADERS, 'content-type': 'application/json' })
        .end(JSON.stringify(proof))
    }
    const proof = this.#token.proofOf(url.searchParams, request.headers)
    if (proof === 'wrong') return response.writeHead(403, HEADERS).end('wrong token\n')
    const mayChange = proof === 'right'
    if (url.pathname === '/events') return this.#open(url, mayChange, response)
    if (url.pathname === '/capture') {
      this.captures.push(url.search)
      response.writeHead(200, {
        ...HEADERS,
        'content-type': 'application/x-pcapng',
        'content-disposition': 'attachment',
      })
      return response.write('pcapng')
    }
    if (url.pathname === '/command') return this.#command(request, mayChange, response)
    response.writeHead(404, HEADERS).end('there is no such page\n')
  }

  /** @param {URL} url @param {boolean} mayChange @param {Response} response */
  #open(url, mayChange, response) {
    const device = url.searchParams.get('device') ?? ''
    const words = (url.searchParams.get('want') ?? '').split(',').filter(Boolean)
    const want = /** @type {Want[]} */ (words.filter(word => mayChange || !SECRET.includes(word)))
    const peer = url.searchParams.get('peer') ?? ''
    const closed = new Promise(resolve => response.on('close', () => resolve(undefined)))
    const feed = { device, peer, want, mayChange, response, closed }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream; charset=utf-8' })
    const messages = [
      this.world.hello(mayChange),
      this.world.stats(),
      ...this.world.first(device, want),
    ]
    for (const message of messages) {
      write(feed, this.change(message))
    }
    this.feeds.add(feed)
    response.on('close', () => this.feeds.delete(feed))
  }

  /**
   * @param {Request} request @param {boolean} mayChange
   * @param {Response} response
   */
  async #command(request, mayChange, response) {
    if (!mayChange) return response.writeHead(401, HEADERS).end('this needs the token\n')
    let body = ''
    for await (const chunk of request.setEncoding('utf8')) {
      body += chunk
    }
    const { id, command } = /** @type {CommandRequest} */ (JSON.parse(body))
    this.commands.push({ id, command })
    const { result, messages } = this.world.command(id, command)
    response
      .writeHead(200, { ...HEADERS, 'content-type': 'application/json' })
      .end(JSON.stringify(this.change(result)))
    for (const message of messages) {
      await this.send(message)
    }
  }
}

/** @param {Feed} feed @param {FeedMessage} message */
function wants({ device, peer, want }, message) {
  if (['hello', 'stats', 'event', 'problem'].includes(message.type)) return true
  if (message.type === 'parts' && message.id === peer) return want.includes('parts')
  return 'id' in message && message.id === device && want.some(name => name === message.type)
}

/**
 * Resolves when the connection has taken it, or has ended.
 * @param {Feed} feed @param {FeedMessage} message @returns {Promise<void>}
 */
function write({ response, closed }, message) {
  const taken = new Promise(resolve =>
    response.write(`data: ${JSON.stringify(message)}\n\n`, resolve),
  )
  return Promise.race([taken.then(() => {}), closed])
}

if (process.argv[1] === import.meta.filename) {
  const [port = 8080, devices = 200, hosts = 10_000] = process.argv.slice(2).map(Number)
  const feed = new FakeFeed(new FakeWorld({ devices, hosts }))
  console.log(await feed.listen(port))
  setInterval(() => void feed.quarter(), 250)
}
