/**
 * The server of the live page. It is a control client of vnets like any other, so it costs their
 * frames nothing but its requests. It makes none before the first page is open, and none after no
 * page has been open for ten minutes.
 */
import { once } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { explain, UsageError, VnetError } from 'vnet'
import type { ControlClient, DeviceEvent, FoundDevice } from 'vnet/control'
import { printable } from 'vnet/kit/base'
import { parseCommand, runCommand } from './commands.ts'
import { deviceSource } from './device-sources.ts'
import { type CommandResult, type DeviceId, SECRET_WANTS, WANTS, type Want } from './feed-types.ts'
import { type PageFiles, readPage } from './files.ts'
import {
  type Asked,
  type HttpOptions,
  type HttpServer,
  isAllowed,
  refuse,
  serveHttp,
} from './http/server.ts'
import { pageUrl } from './http/token.ts'
import { metricsReply } from './metrics/server.ts'
import { snapshot } from './metrics/snapshot.ts'
import { Feed, type Source } from './source.ts'
import { Vnets, type VnetsOptions } from './vnets.ts'

/** The vnets to show, and where to listen. */
export interface WebOptions extends VnetsOptions, HttpOptions {}

/** Feeds at one time. Those without the token get half of them. */
export const FEEDS_MAX = 32
/** Files that are captured at one time. */
const CAPTURES_MAX = 8
const BODY_MAX = 64 * 1024
/** The nonce of a page that asks for a proof: random, at least 128 bits. */
const NONCE = /^[\w-]{22,64}$/

/** Listens. Returns the server with the URL of the page, with the token. `files` are the page. */
export async function serveWeb(options: WebOptions, files = readPage()): Promise<HttpServer> {
  const web = new Web(options, files)
  const server = await serveHttp(options, asked => web.reply(asked))
  return {
    url: pageUrl(server.url, options.access),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      web.stop()
    },
  }
}

/** How the requests of a path are served. `isPublic`: also without the token. */
type Route = readonly [
  method: 'GET' | 'POST',
  isPublic: boolean,
  reply: (asked: Asked) => Promise<void> | void,
]

class Web {
  readonly #options: WebOptions
  readonly #vnets: Vnets
  readonly #files: PageFiles
  readonly #feeds = new Set<Feed>()
  /** The sources that pages show, each while at least one page does. */
  readonly #sources = new Map<string, { readonly source: Source; readonly feeds: Set<Feed> }>()
  #captures = 0
  readonly #routes: ReadonlyMap<string, Route>

  constructor(options: WebOptions, files: PageFiles) {
    this.#options = options
    this.#files = files
    const onEvent = (event: DeviceEvent) => this.#happened(event)
    this.#vnets = new Vnets(options, onEvent, id => this.#read(id))
    const { isPublic } = options.access
    this.#routes = new Map<string, Route>([
      ['/proof', ['GET', true, asked => this.#prove(asked)]],
      ['/events', ['GET', isPublic, asked => this.#events(asked)]],
      ['/command', ['POST', false, asked => this.#command(asked)]],
      ['/capture', ['GET', false, asked => this.#capture(asked)]],
      [
        '/metrics',
        ['GET', false, metricsReply(() => snapshot(options.client, this.#vnets.findOptions))],
      ],
    ])
  }

  stop(): void {
    this.#vnets.stop()
  }

  async reply(asked: Asked): Promise<void> {
    const { request, response, path } = asked
    const file = this.#files.get(path)
    const [method, isPublic, answer] = this.#routes.get(path) ?? ['GET' as const, true]
    if (file === undefined && answer === undefined) {
      return refuse(response, 404, 'there is no such page')
    }
    const isHead = request.method === 'HEAD' && method === 'GET' && path !== '/events'
    if (request.method !== method && !isHead) {
      return refuse(response, 405, `only ${method}`, { allow: method })
    }
    if (file !== undefined) {
      const headers = { 'content-type': file.type, 'content-length': file.bytes.length }
      response.writeHead(200, headers).end(isHead ? '' : file.bytes)
    } else if (isAllowed(asked, isPublic)) {
      await answer?.(asked)
    }
  }

  /** Proves that this server has the token: a page shows nothing to a server that cannot. */
  #prove({ response, query, token }: Asked): void {
    const nonce = query.get('nonce') ?? ''
    if (!NONCE.test(nonce)) {
      refuse(response, 400, 'a proof needs a nonce')
    } else {
      response
        .writeHead(200, { 'content-type': 'application/json' })
        .end(JSON.stringify(token.prove(nonce)))
    }
  }

  async #events({ response, query, proof }: Asked): Promise<void> {
    const hasToken = proof === 'right'
    const others = [...this.#feeds].filter(each => hasToken || !each.hasToken).length
    if (others >= (hasToken ? FEEDS_MAX : FEEDS_MAX / 2)) {
      return refuse(response, 503, 'too many pages are open', { 'retry-after': '10' })
    }
    const id = query.get('device') ?? ''
    const wants = wantsOf(query.get('want') ?? '').filter(
      want => hasToken || !SECRET_WANTS.includes(want),
    )
    const feed = new Feed(response, hasToken)
    this.#feeds.add(feed)
    const isOpen = new Promise<void>(resolve => response.on('close', resolve))
    const [after, afterWire] = ['after', 'after-wire'].map(name =>
      Number(query.get(name) ?? 0),
    ) as [number, number]
    feed.replay(this.#vnets.recent.after(after, id, afterWire))
    this.#vnets.add(feed)
    const sources: (() => void)[] = []
    void isOpen.then(() => {
      this.#feeds.delete(feed)
      this.#vnets.delete(feed)
      for (const leave of sources) {
        leave()
      }
    })
    if (id === '' || (await this.#vnets.device(id)) === undefined || response.destroyed) return
    for (const want of wants) {
      sources.push(this.#look(feed, id, want))
    }
    const peer = query.get('peer') ?? ''
    if (
      ['', id].includes(peer) ||
      !wants.includes('parts') ||
      (await this.#vnets.device(peer)) === undefined
    ) {
      return
    }
    if (!response.destroyed) {
      sources.push(this.#look(feed, peer, 'parts'))
    }
  }

  /** Adds a page to a source. Returns a function that removes it. */
  #look(feed: Feed, id: DeviceId, want: Want): () => void {
    const key = `${want} ${id}`
    const known = this.#sources.get(key)
    const source = known?.source ?? deviceSource(this.#vnets, this.#options.client, id, want)
    const feeds = known?.feeds ?? new Set()
    if (known === undefined) {
      this.#sources.set(key, { source, feeds })
    }
    feeds.add(feed)
    source.add(feed)
    return () => {
      feeds.delete(feed)
      source.delete(feed)
      if (feeds.size === 0) {
        this.#sources.delete(key)
      }
    }
  }

  /** Reads the data that a device's event is about immediately, even if another device shows it. */
  #happened({ event }: DeviceEvent): void {
    for (const [key, { source }] of this.#sources) {
      if (key.startsWith(`${event} `)) {
        source.soon()
      }
    }
  }

  async #command({ request, response }: Asked): Promise<void> {
    if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) {
      return refuse(response, 415, 'a command is application/json')
    }
    const body = await readBody(request)
    if (body === undefined) return refuse(response, 413, `a command has at most ${BODY_MAX} bytes`)
    const asked = parseCommand(body)
    if (asked === undefined) return refuse(response, 400, 'the body is not a valid command')
    const device = await this.#vnets.device(asked.id)
    const result: CommandResult =
      device === undefined
        ? { ok: false, message: 'there is no such interface any more' }
        : await runCommand(this.#options.client, device, asked.command)
    response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(result))
    if (asked.command.do === 'check-wire' || asked.command.do === 'filter') return
    this.#vnets.soon()
    this.#read(asked.id)
  }

  /** Immediately reads the data of a device that pages show. */
  #read(id: DeviceId): void {
    for (const [key, { source }] of this.#sources) {
      if (key.endsWith(` ${id}`)) {
        source.soon()
      }
    }
  }

  async #capture({ response, query }: Asked): Promise<void> {
    const device = await this.#vnets.device(query.get('device') ?? '')
    if (device === undefined) return refuse(response, 404, 'there is no such interface')
    if (this.#captures >= CAPTURES_MAX) return refuse(response, 503, 'too many captures run')
    this.#captures++
    try {
      await sendCapture(this.#options.client, device, query.get('filter') || undefined, response)
    } catch (error) {
      if (response.headersSent || !(error instanceof VnetError || error instanceof UsageError)) {
        throw error
      }
      refuse(response, 400, printable(explain(error)))
    } finally {
      this.#captures--
    }
  }
}

function wantsOf(text: string): Want[] {
  const words = text.split(',')
  return WANTS.filter(want => words.includes(want))
}

/** Returns undefined if it is too long. Reads all of it, because the reply is lost otherwise. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= BODY_MAX) {
      chunks.push(chunk)
    }
  }
  return size <= BODY_MAX ? Buffer.concat(chunks).toString('utf8') : undefined
}

/**
 * GET /capture: sends the frames of a device as a pcapng file, until the client closes it. The vnet
 * sends only as fast as it is read: frames for which a slow client has no room are lost, and
 * counted in the file. Throws a VnetError or a UsageError if it cannot start.
 */
export async function sendCapture(
  client: ControlClient,
  device: FoundDevice,
  filter: string | undefined,
  response: ServerResponse,
): Promise<void> {
  const stream = await client.capture(device.vnet, { devices: [device], filter })
  const closed = new AbortController()
  const end = () => {
    closed.abort()
    void stream[Symbol.asyncDispose]()
  }
  response.on('close', end)
  if (response.destroyed) return end()
  const headers = {
    'content-type': 'application/octet-stream',
    'content-disposition': 'attachment; filename=vnet.pcapng',
  }
  response.writeHead(200, headers)
  // An interface may be silent for as long as it likes.
  response.socket?.setTimeout(0)
  for await (const bytes of stream) {
    // A copy, because the bytes are valid until the next are read.
    if (!response.write(bytes.slice())) {
      await once(response, 'drain', { signal: closed.signal }).catch(() => {})
    }
  }
  response.end()
}
