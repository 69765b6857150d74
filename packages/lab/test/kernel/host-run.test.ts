/** host.run: what packages open is the host's, in the kernel and in memory alike. */
import { exec, execFileSync, fork, spawn, spawnSync } from 'node:child_process'
import dgram from 'node:dgram'
import dns from 'node:dns'
import { EventEmitter, once } from 'node:events'
import { cpSync, mkdtempSync, rmSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import net, { connect as connectTaken } from 'node:net'
import os, { hostname as hostnameTaken, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { duplexPair } from 'node:stream'
import { text } from 'node:stream/consumers'
import tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import threads from 'node:worker_threads'
import { MockAgent, request, setGlobalDispatcher } from 'undici'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { Native } from '#src/linux/native.ts'
import { AF_INET, SOCK_STREAM } from '#src/linux/uapi.ts'
import {
  DNS_AA,
  type DnsQuery,
  type DnsQuestion,
  formatName,
  NOERROR,
  NXDOMAIN,
  parseQuery,
  T_A,
  writeReply,
} from '#src/packet/dns.ts'
import { createLab } from '../../src/index.ts'
import { pem } from '../memory/certificate.ts'

const BUILT = fileURLToPath(new URL('../../../../build/Release/vnet.node', import.meta.url))
const owner = globalThis as unknown as Record<symbol, unknown>
const DISPATCHERS = [1, 2].map(version => Symbol.for(`undici.globalDispatcher.${version}`))

/** Returns a function that restores the dispatchers of fetch and of undici. */
function keptDispatchers(): () => void {
  const kept = DISPATCHERS.map(key => owner[key])
  return () => {
    for (const [i, key] of DISPATCHERS.entries()) {
      owner[key] = kept[i]
    }
  }
}

describe.each(['kernel', 'memory'] as const)('in the world %s', world => {
  async function twoHosts() {
    const lab = await createLab({ world })
    onTestFinished(() => lab.close())
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server)
    return { lab, client, server, link }
  }

  test('servers and connections by name, whichever way a package opens them', async () => {
    const { client, server } = await twoHosts()
    const listening = server.run(async () => {
      const made = net.createServer(socket =>
        socket.end(`to ${socket.remoteAddress?.replace('::ffff:', '')}`),
      )
      await once(made.listen(7), 'listening')
      return made
    })
    expect((await listening).address()).toMatchObject({ port: 7 })
    // A busy machine may take the second address of the server.
    const origins = client.addresses.map(address => `to ${address}`)
    const ways = [
      () => net.connect(7, 'server'),
      () => connectTaken({ port: 7, host: 'server' }),
      () => new net.Socket().connect(7, 'server'),
      () => net.connect({ port: 7, host: 'server', family: 4 }),
    ]
    for (const way of ways) {
      expect(origins).toContain(await client.run(async () => text(way())))
    }
    // Code that is not the host's has its network.
    const outside = net.connect(7, '127.0.0.1')
    expect((await once(outside, 'error'))[0].code).toBe('ECONNREFUSED')
  })

  test('tls, https and http with keep-alive', async () => {
    const { client, server } = await twoHosts()
    await server.run(async () => {
      const made = https.createServer({ key: pem, cert: pem }, (request, response) =>
        response.end(request.url),
      )
      await once(made.listen(443), 'listening')
      const plain = http.createServer((request, response) =>
        response.end(`${request.socket.remotePort}`),
      )
      await once(plain.listen(80), 'listening')
    })
    const secure = () => tls.connect({ host: 'server', port: 443, rejectUnauthorized: false })
    await client.run(async () => {
      const socket = secure()
      await once(socket, 'secureConnect')
      socket.end('GET /raw HTTP/1.0\r\n\r\n')
      expect(await text(socket)).toMatch(/\/raw$/)
      const agent = new http.Agent({ keepAlive: true })
      const get = async () => {
        const [response] = await once(http.get({ host: 'server', agent }), 'response')
        return text(response)
      }
      const first = await get()
      expect(await get()).toBe(first)
      agent.destroy()
      const response = await fetch('http://server/')
      expect(await response.text()).toMatch(/^\d+$/)
    })
  })

  test('UDP sockets and names', async () => {
    const { client, server } = await twoHosts()
    await server.run(async () => {
      const socket = dgram.createSocket('udp4').bind(53)
      socket.on('message', (data, { port, address }) => socket.send(`${data}!`, port, address))
      await once(socket, 'listening')
    })
    await client.run(async () => {
      const socket = dgram.createSocket('udp4')
      socket.send('asked', 53, 'server')
      expect(String((await once(socket, 'message'))[0])).toBe('asked!')
      const found = { address: server.addresses[0], family: 4 }
      expect(await dns.promises.lookup('server', 4)).toEqual(found)
      const all = await new Promise(resolve =>
        dns.lookup('server', { all: true }, (_, list) => resolve(list)),
      )
      expect(all).toEqual([found, { address: server.addresses[1], family: 6 }])
      await expect(dns.promises.lookup('nowhere')).rejects.toMatchObject({ code: 'ENOTFOUND' })
    })
  })

  test('the name, the interfaces and the addresses that code sees are those of the host', async () => {
    const { client, server } = await twoHosts()
    await client.run(async () => {
      expect([os.hostname(), hostnameTaken()]).toEqual(['client', 'client'])
      const [v4, v6] = client.addresses
      const shown = os.networkInterfaces()
      expect(shown.server?.map(({ address }) => address)).toEqual(expect.arrayContaining([v4, v6]))
      expect(shown.server?.[0]).toMatchObject({
        netmask: '255.255.255.0',
        family: 'IPv4',
        internal: false,
      })
      expect(shown.lo?.[0]).toMatchObject({
        address: '127.0.0.1',
        mac: '00:00:00:00:00:00',
        internal: true,
      })
      expect(await dns.promises.resolve4('server')).toEqual([server.addresses[0]])
      expect(await promisify(dns.resolve6)('server')).toEqual([server.addresses[1]])
      const resolver = new dns.promises.Resolver()
      expect(await resolver.resolve4('client')).toEqual(['127.0.0.1'])
      await expect(resolver.resolve4('nowhere')).rejects.toMatchObject({
        code: 'ENOTFOUND',
        hostname: 'nowhere',
      })
      await expect(resolver.resolveMx('server')).rejects.toMatchObject({ code: 'ENODATA' })
    })
    expect(os.hostname()).not.toBe('client')
    expect(os.networkInterfaces().server).toBeUndefined()
  })

  test('a resolver asks the servers that code of the host has set', async () => {
    const { client, server } = await twoHosts()
    await server.run(async () => {
      const socket = dgram.createSocket('udp4').bind(5353)
      socket.on('message', (bytes, { port, address }) => {
        const query = parseQuery(bytes) as DnsQuery
        const { name } = query.question as DnsQuestion
        const records = [1, 2].map(last => ({
          name,
          type: T_A,
          ttl: 9,
          data: [Uint8Array.of(192, 0, 2, last)],
        }))
        const isKnown = formatName(name) === 'two.test'
        const reply = {
          flags: DNS_AA,
          rcode: isKnown ? NOERROR : NXDOMAIN,
          answers: isKnown ? records : [],
        }
        socket.send(writeReply(query, reply), port, address)
      })
      await once(socket, 'listening')
    })
    await client.run(async () => {
      const resolver = new dns.promises.Resolver()
      resolver.setServers([`${server.addresses[0]}:5353`])
      expect(await resolver.resolve4('two.test')).toEqual(['192.0.2.1', '192.0.2.2'])
      await expect(resolver.resolve4('three.test')).rejects.toMatchObject({ code: 'ENOTFOUND' })
      await expect(resolver.resolveMx('two.test')).rejects.toMatchObject({ code: 'ENOTIMP' })
      expect(await dns.promises.resolve4('server')).toEqual([server.addresses[0]])
    })
  })

  test('code of a host that uses a connection of another is named once', async () => {
    const { client, server } = await twoHosts()
    await server.run(() =>
      once(net.createServer(socket => socket.pipe(socket)).listen(7), 'listening'),
    )
    const socket = client.run(() => net.connect(7, 'server'))
    await once(socket, 'connect')
    const said = vi.spyOn(console, 'error').mockReturnValue()
    onTestFinished(() => said.mockRestore())
    const echo = async () => {
      socket.write('x')
      await once(socket, 'data')
    }
    await echo()
    await client.run(echo)
    expect(said.mock.calls).toEqual([])
    for (let i = 0; i < 2; i++) {
      await server.run(echo)
    }
    const line = 'vnet: code of host server uses a connection of host client: do they share a pool?'
    expect(said.mock.calls).toEqual([[line]])
  })

  test('a server that listens again runs as code of the host that it listens on then, or of none', async () => {
    const app = http.createServer((_, response) => response.end(os.hostname()))
    const names: string[] = []
    for (let i = 0; i < 2; i++) {
      const { lab, client, server } = await twoHosts()
      const host = i === 0 ? server : client
      await host.run(() => once(app.listen(80), 'listening'))
      const asking = i === 0 ? client : server
      names.push(await asking.run(async () => (await fetch(`http://${host.name}/`)).text()))
      app.closeAllConnections()
      await new Promise(resolve => app.close(resolve))
      await lab.close()
    }
    await once(app.listen(0, '127.0.0.1'), 'listening')
    const { port } = app.address() as net.AddressInfo
    names.push(await (await fetch(`http://127.0.0.1:${port}/`)).text())
    app.closeAllConnections()
    app.close()
    expect(names).toEqual(['server', 'client', os.hostname()])
    expect(app.listenerCount('connection')).toBeLessThan(4)
  })

  test('a stream that a program gives a server is a connection of it', async () => {
    const { server } = await twoHosts()
    await server.run(async () => {
      const made = http.createServer((_, response) => response.end('given'))
      await once(made.listen(80), 'listening')
      const [near, far] = duplexPair()
      made.emit('connection', far)
      near.end('GET / HTTP/1.0\r\n\r\n')
      expect(await text(near)).toMatch(/given$/)
    })
  })

  test('sockets of other code stay what they are when code of a host looks at them', async () => {
    const { lab, client } = await twoHosts()
    const outside = net.createServer()
    await once(outside.listen(0, '127.0.0.1'), 'listening')
    onTestFinished(() => void outside.close())
    const before = outside.address()
    expect(client.run(() => outside.address())).toEqual(before)
    const servers = dns.getServers()
    client.run(() => {
      dns.setServers(['192.0.2.53'])
      expect(dns.getServers()).toEqual(['192.0.2.53'])
    })
    expect(dns.getServers()).toEqual(servers)
    await expect(client.run(() => dns.promises.lookupService('127.0.0.1', 22))).rejects.toThrow(
      'ENOTFOUND',
    )
    await lab.close()
    expect(outside.address()).toEqual(before)
  })

  test('the handler of a UDP socket that other code has made is code of the host that binds it', async () => {
    const { client, server } = await twoHosts()
    const socket = dgram.createSocket('udp4')
    const heard = new Promise(resolve => socket.on('message', () => resolve(os.hostname())))
    await server.run(() => once(socket.bind(9), 'listening'))
    client.run(() => dgram.createSocket('udp4').send('x', 9, 'server'))
    expect(await heard).toBe('server')
  })

  test('a socket may connect again as often as it likes', async () => {
    const { client, server } = await twoHosts()
    await server.run(() => once(net.createServer(socket => socket.end('x')).listen(7), 'listening'))
    await client.run(async () => {
      const socket = new net.Socket()
      for (let i = 0; i < 3; i++) {
        socket.connect(7, 'server').resume()
        await once(socket, 'close')
      }
      expect(Object.getOwnPropertyDescriptor(socket, '_writeGeneric')?.value.length).toBe(0)
    })
  })

  test("a dispatcher that a program has set serves the host's code, too", async () => {
    const { client } = await twoHosts()
    const restore = keptDispatchers()
    const agent = new MockAgent()
    agent.disableNetConnect()
    agent.get('http://server').intercept({ path: '/' }).reply(200, 'mocked')
    setGlobalDispatcher(agent)
    try {
      expect(await client.run(async () => (await request('http://server/')).body.text())).toBe(
        'mocked',
      )
    } finally {
      restore()
      await agent.close()
    }
  })

  test('fetch with options of TLS needs an Agent of undici as the dispatcher', async () => {
    const { client } = await twoHosts()
    const restore = keptDispatchers()
    for (const key of DISPATCHERS) {
      owner[key] = new MockAgent()
    }
    try {
      await expect(client.fetch('https://server/', { tls: {} })).rejects.toThrow(
        'Agent of undici, not a MockAgent',
      )
    } finally {
      restore()
    }
  })

  test('an addon that opens sockets by itself is not loaded for a host', async () => {
    const { client } = await twoHosts()
    const load = () =>
      process.dlopen({ exports: {} } as never, '/x/node_modules/zeromq/build/zeromq.node')
    expect(() => client.run(load)).toThrow('zeromq opens its sockets in C++')
    expect(load).toThrow('zeromq.node: cannot open')
  })

  test('the end of a lab names the addons if sockets are left on the network of the machine', async () => {
    const { lab, client } = await twoHosts()
    const addon = join(mkdtempSync(join(tmpdir(), 'vnet-test-')), 'own.node')
    cpSync(BUILT, addon)
    const { exports: native } = client.run(() => {
      const module = { exports: {} as Native }
      process.dlopen(module, addon)
      return module
    })
    const fd = native.socket(AF_INET, SOCK_STREAM, 0, -1)
    native.listen(fd, 1)
    // Sockets of Node are not meant.
    const known = net.createServer().listen(0)
    const error = vi.spyOn(console, 'error').mockImplementation(() => {})
    await lab.close()
    known.close()
    native.close(fd)
    rmSync(dirname(addon), { recursive: true })
    const warning = `vnet: 1 sockets are on the network of this machine. Has an addon opened them? ${addon}`
    expect(error.mock.calls).toEqual([[warning]])
    error.mockRestore()
  })

  test('a request that waits for a connection opens it where its code runs', async () => {
    const { client, server } = await twoHosts()
    const answers = (text: string) => http.createServer((_, response) => response.end(text))
    await server.listen(answers('server'), 80)
    const own = await client.listen(answers('client'), 0, '127.0.0.1')
    const machines = answers('machine').listen(own, '127.0.0.1')
    await once(machines, 'listening')
    const agent = new http.Agent({ maxTotalSockets: 1 })
    const ask = (url: string) =>
      new Promise<string>((resolve, reject) => {
        http.get(url, { agent }, response => resolve(text(response))).on('error', reject)
      })
    const local = `http://127.0.0.1:${own}`
    const first = client.run(() => ask('http://server/'))
    const behind = [ask(local), client.run(() => ask(local))]
    expect(await Promise.all([first, ...behind])).toEqual(['server', 'machine', 'client'])
    machines.close()
  })

  test('what code opens while its lab ends is refused', async () => {
    const { lab, server } = await twoHosts()
    const again = server.run(async () => {
      const made = net.createServer()
      await once(made.listen(80), 'listening')
      const failed = once(made, 'error')
      made.once('close', () => made.listen(80))
      return { failed }
    })
    const { failed } = await again
    await lab.close()
    expect((await failed)[0].code).toBe('ENETDOWN')
  })

  test('names are found with fake timers', async () => {
    const { client } = await twoHosts()
    const late = new Promise(resolve => setTimeout(resolve, 5000, 'late').unref())
    vi.useFakeTimers()
    try {
      const found = client.run(() => dns.promises.lookup('server'))
      expect(await Promise.race([found, late])).toMatchObject({ family: 4 })
    } finally {
      vi.useRealTimers()
    }
  })

  test('a setter of a bound object may set a private field', async () => {
    const { client } = await twoHosts()
    class Counter {
      #value = 0
      get value(): number {
        return this.#value
      }
      set value(value: number) {
        this.#value = value
      }
    }
    const bound = client.bind(new Counter())
    bound.value = 7
    expect(bound.value).toBe(7)
  })

  test('a bound object opens connections on the host later, and the error of other code names it', async () => {
    const { client, server } = await twoHosts()
    await server.run(() =>
      once(net.createServer(socket => socket.end('here')).listen(80), 'listening'),
    )
    class Pool extends EventEmitter {
      readonly #port = 80
      readonly frozen = Object.freeze({ host: 'server' })
      async ask(): Promise<string> {
        this.emit('asked')
        return text(net.connect(this.#port, this.frozen.host))
      }
    }
    const pool = client.run(() => new Pool())
    const hint = ': server is a host of a lab: call this by host.run(), or use host.bind()'
    await expect(pool.ask()).rejects.toThrow(`server${hint}`)
    const bound = client.bind(pool)
    let asked = 0
    expect(bound.on('asked', () => asked++)).toBe(bound)
    expect([await bound.ask(), asked, bound instanceof Pool, bound.frozen]).toEqual([
      'here',
      1,
      true,
      pool.frozen,
    ])
    expect(await client.bind(() => pool.ask())()).toBe('here')
    await expect(dns.promises.lookup('server')).rejects.toThrow(hint)
    await expect(dns.promises.lookup('nowhere.invalid')).rejects.toThrow(/nowhere.invalid$/)
  })

  test('shared pools keep the connections of each host, also of two labs', async () => {
    const first = await twoHosts()
    const second = await twoHosts()
    for (const [name, { server }] of Object.entries({ first, second })) {
      await server.run(async () => {
        const answer: http.RequestListener = (request, response) =>
          response.end(`${name} ${request.socket.remoteAddress?.replace('::ffff:', '')}`)
        await once(http.createServer(answer).listen(80), 'listening')
      })
    }
    const agent = new http.Agent({ keepAlive: true })
    onTestFinished(() => agent.destroy())
    const get = async () => text((await once(http.get({ host: 'server', agent }), 'response'))[0])
    const fetched = async () => (await fetch('http://server/')).text()
    for (let i = 0; i < 2; i++) {
      for (const [name, { client, server }] of Object.entries({ first, second })) {
        for (const way of [get, fetched]) {
          expect(await client.run(way)).toBe(`${name} ${client.addresses[0]}`)
          // Run inside run is code of the inner host.
          expect(await client.run(() => server.run(way))).toMatch(
            new RegExp(`^${name} (127\\.0\\.0\\.1|::1)$`),
          )
        }
      }
    }
  })

  test("an error of the function is the error of run, and other code is not the host's", async () => {
    const { client } = await twoHosts()
    const boom = new Error('boom')
    expect(() =>
      client.run(() => {
        throw boom
      }),
    ).toThrow(boom)
    await expect(client.run(() => Promise.reject(boom))).rejects.toBe(boom)
    expect(client.run(() => 7)).toBe(7)
    await expect(dns.promises.lookup('client')).rejects.toThrow('client')
  })

  test('after the end of its lab, code of a host opens nothing', async () => {
    const { lab, client } = await twoHosts()
    const later = new EventEmitter()
    const outcomes = client.run(async () => {
      await once(later, 'end')
      const codeOf = async (emitter: NodeJS.EventEmitter) => (await once(emitter, 'error'))[0].code
      return [
        await codeOf(net.connect(80, '127.0.0.1')),
        await codeOf(net.connect(80, 'server')),
        await codeOf(net.createServer().listen(0)),
        await codeOf(dgram.createSocket('udp4').bind(0)),
      ]
    })
    await lab.close()
    later.emit('end')
    expect(await outcomes).toEqual(Array(4).fill('ENETDOWN'))
    expect(() => client.run(() => {})).toThrow('the lab has ended')
  })
})

test('programs and threads that code starts are in its host', async () => {
  await using lab = await createLab({ world: 'kernel' })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const shown = 'ip -brief addr show dev server'
  const [program, ...args] = shown.split(' ') as [string, ...string[]]
  let ended: Promise<unknown> | undefined
  await client.run(async () => {
    const [address] = client.addresses
    expect(spawnSync(program, args, { encoding: 'utf8' }).stdout).toContain(address)
    expect(execFileSync('sh', ['-c', `cat /etc/hosts; ${shown}`], { encoding: 'utf8' })).toMatch(
      / server\n(.|\n)*198\./,
    )
    expect((await promisify(exec)(shown)).stdout).toContain(address)
    const child = spawn('cat', { stdio: ['pipe', 'pipe', 'inherit'] })
    child.stdin.end('through')
    expect(await text(child.stdout)).toBe('through')
    const file = new URL('../support/interfaces.mjs', import.meta.url)
    const forked = fork(file)
    expect((await once(forked, 'message'))[0]).toContain('server')
    const worker = new threads.Worker(file)
    expect((await once(worker, 'message'))[0]).toContain('server')
    const named = new threads.Worker(new URL('../support/host-name.mjs', import.meta.url))
    expect(await once(named, 'message')).toEqual(['client'])
    const lasting = new threads.Worker(new URL('../support/lasting.mjs', import.meta.url))
    ended = once(lasting, 'exit')
    await once(lasting, 'online')
  })
  await lab.close()
  await ended
  expect(spawnSync(program, args, { encoding: 'utf8' }).status).toBe(1)
})

test('in memory a host has no programs, threads and sockets of the kernel', async () => {
  await using lab = await createLab({ world: 'memory' })
  const [client] = lab.hosts('client')
  await client.run(async () => {
    expect(() => spawn('true')).toThrow("host client: true: a program needs world: 'kernel'")
    expect(() => spawnSync('true')).toThrow("host client: true: a program needs world: 'kernel'")
    expect(() => new threads.Worker('/dev/null')).toThrow(
      "host client: a Worker needs world: 'kernel'",
    )
  })
})
