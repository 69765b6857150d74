/** A server of the page in this process, and requests of a browser or an attacker. */
import { mkdtempSync, rmSync } from 'node:fs'
import { type IncomingMessage, request } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ControlClient } from '#src/control/index.ts'
import { commands, vnetAttributes as of } from '#src/control/protocol/family.ts'
import { loadNative } from '#src/linux/native.ts'
import type { MessageBuilder } from '#src/netlink/index.ts'
import { type Answers, type FakeOptions, FakeVnet } from '#support/fake-vnet.ts'
import type { CommandResult, FeedMessage, PageCommand } from '../src/feed-types.ts'
import { readPage } from '../src/files.ts'
import type { Access } from '../src/http/token.ts'
import { serveWeb, type WebOptions } from '../src/server.ts'

export const TOKEN = 'a-token-of-32-characters-for-test'
/** The access to root's servers, with a token that tests know. */
export const ROOT_ACCESS: Access = { isPublic: true, tokenFor: () => TOKEN }
const FLAG_UP = 1

export interface Reply {
  readonly status: number | undefined
  readonly headers: IncomingMessage['headers']
  readonly text: string
}

export interface Asked {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
}

type Write = (builder: MessageBuilder) => void

/** The default replies of a vnet that has sn0 and nothing else. */
export function device(ifindex: number, name: string, rest: Write = () => {}): Write {
  return b => {
    b.u32(of.ifindex.type, ifindex).string(of.ifname.type, name).string(of.driver.type, 'snull')
    b.u32(of.flags.type, FLAG_UP).u32(of.mtu.type, 1500).u8(of.carrier.type, 1)
    rest(b)
  }
}

/** Statistics with `sent` frames. */
export function stats(ifindex: number, name: string, sent: number, rest: Write = () => {}): Write {
  return b => {
    b.u32(of.ifindex.type, ifindex).string(of.ifname.type, name)
    b.nested(of.stats.type, nest => nest.u64(2, BigInt(sent)))
    rest(b)
  }
}

/** A part of a device, of kind `queue`. */
export const part = (name: string): Write => {
  return b => void b.nested(of.part.type, nest => void nest.u32(1, 0).string(2, name))
}

/** Returns the bytes of a number in an attribute. */
export function u32Bytes(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer)
}

/** Returns the bytes of a string in an attribute. */
export function textBytes(words: string): Uint8Array {
  return Uint8Array.of(...Buffer.from(words), 0)
}

export const usual: Answers = {
  [commands.getDevices.cmd]: () => [device(7, 'sn0')],
  [commands.getStats.cmd]: () => [stats(7, 'sn0', 42)],
  [commands.getParts.cmd]: () => [],
  [commands.subscribe.cmd]: () => [],
}

export interface Served extends AsyncDisposable {
  readonly client: ControlClient
  readonly directory: string
  readonly port: number
  readonly url: string
  /** Starts a vnet that the pages see. */
  vnet(answers?: Answers, options?: FakeOptions): FakeVnet
  ask(path: string, asked?: Asked): Promise<Reply>
  /** Like `ask`, but resolves when the reply starts. */
  open(path: string): Promise<IncomingMessage>
  command(id: string, command: PageCommand): Promise<CommandResult>
  feed(query?: string, hasToken?: boolean): Promise<OpenFeed>
  /** Sends bytes; returns all that comes back until the server ends the connection. */
  raw(bytes: string): Promise<string>
}

export interface OpenFeed {
  readonly status: number | undefined
  readonly response: IncomingMessage
  /** The number of the last numbered message that next() returned. */
  last(): string
  /** The next message of a type that was not returned before. */
  next<T extends FeedMessage['type']>(type: T): Promise<Extract<FeedMessage, { type: T }>>
  close(): Promise<void>
}

/** Read once: a server does not change it. */
const page = readPage()

export async function served(options: Partial<WebOptions> = {}): Promise<Served> {
  const directory = mkdtempSync(join(tmpdir(), 'vnet-web-'))
  const client = new ControlClient(loadNative())
  const address = { host: '127.0.0.1', port: 0 }
  const usualOptions = { address, access: ROOT_ACCESS, client, version: '1.2.3', directory }
  const server = await serveWeb({ ...usualOptions, ...options }, page)
  const { port } = new URL(server.url)
  const ends: (() => void)[] = []
  const send = (path: string, { method = 'GET', headers = {}, body }: Asked) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const where = { host: '127.0.0.1', port, path, method, headers, agent: false }
      const asked = request(where, resolve).on('error', reject)
      ends.push(() => asked.destroy())
      // A reply that the test cuts off is an error of it.
      asked.on('response', response => response.on('error', () => {}))
      asked.end(body)
    })
  const ask = async (path: string, asked: Asked = {}) => {
    const response = await send(path, asked)
    let text = ''
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk
    }
    return { status: response.statusCode, headers: response.headers, text }
  }
  return {
    client,
    directory,
    port: Number(port),
    url: server.url,
    ask,
    open: path => send(path, {}),
    vnet(answers = {}, fakeOptions = {}) {
      const fake = new FakeVnet(directory, { ...usual, ...answers }, fakeOptions)
      ends.push(() => fake[Symbol.dispose]())
      return fake
    },
    async command(id, command) {
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` }
      const { text } = await ask('/command', {
        method: 'POST',
        headers,
        body: JSON.stringify({ id, command }),
      })
      return JSON.parse(text)
    },
    feed: async (query = '', hasToken = true) =>
      openFeed(await send(`/events?${query}${hasToken ? `&token=${TOKEN}` : ''}`, {})),
    raw: bytes =>
      new Promise((resolve, reject) => {
        let text = ''
        const socket = connect(Number(port), '127.0.0.1', () => socket.write(bytes))
        socket.setEncoding('latin1').on('data', data => {
          text += data
        })
        socket.on('close', () => resolve(text)).on('error', reject)
        ends.push(() => socket.destroy())
      }),
    async [Symbol.asyncDispose]() {
      for (const end of ends) {
        end()
      }
      await server[Symbol.asyncDispose]()
      client.close()
      rmSync(directory, { recursive: true })
    },
  }
}

/** Reads the messages of a response to `/events`. */
export function openFeed(response: IncomingMessage): OpenFeed {
  const unread: { readonly number: string | undefined; readonly message: FeedMessage }[] = []
  let heard = () => {}
  let isOpen = true
  let text = ''
  let last = ''
  response.setEncoding('utf8').on('data', chunk => {
    const parts = (text + chunk).split('\n\n')
    text = parts.pop() ?? ''
    for (const part of parts) {
      const [, number, json] = /^(?:id: (\d+)\n)?data: (.*)$/s.exec(part) ?? []
      if (json !== undefined) {
        unread.push({ number, message: JSON.parse(json) })
      }
    }
    heard()
  })
  response.on('error', () => {})
  response.on('close', () => {
    isOpen = false
    heard()
  })
  return {
    status: response.statusCode,
    response,
    last: () => last,
    async next(type) {
      for (;;) {
        const at = unread.findIndex(({ message }) => message.type === type)
        if (at >= 0) {
          const [{ number, message }] = unread.splice(at, 1) as [(typeof unread)[0]]
          last = number ?? last
          return message as never
        }
        if (!isOpen) throw new Error(`the feed has ended without ${type}`)
        await new Promise<void>(resolve => {
          heard = resolve
        })
      }
    },
    close: () =>
      new Promise(resolve => {
        if (!isOpen) return resolve()
        response.on('close', resolve).destroy()
      }),
  }
}
