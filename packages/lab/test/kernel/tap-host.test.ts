/** Hosts in TypeScript on a TAP: the kernel of a namespace is the machine. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { type Netns, OwnNetns } from '#support/netns.ts'
import { type TapHost, type TapHostOptions, tapHost } from '../../src/index.ts'

const own = new OwnNetns()
const hosts: TapHost[] = []

afterEach(async () => {
  for (const host of hosts.splice(0)) {
    await host.close()
  }
  own.remove()
})

async function made(options: TapHostOptions = {}): Promise<{ netns: Netns; host: TapHost }> {
  const netns = own.add()
  netns.ip('link set lo up')
  const host = await tapHost({ netns: netns.name, ...options })
  hosts.push(host)
  return { netns, host }
}

test('the machine pings the host and fetches from its servers by IPv4 and IPv6', async () => {
  const { netns, host } = await made()
  expect(host.addresses).toEqual(['198.18.1.2', '2001:db8:0:1::2'])
  expect(host.machine).toEqual(['198.18.1.1', '2001:db8:0:1::1'])
  await host.run(async () => {
    const server = http.createServer((request, response) =>
      response.end(`for ${request.socket.remoteAddress}`),
    )
    await once(server.listen(80), 'listening')
  })
  for (const address of host.addresses) {
    expect((await netns.run(`ping -c 1 -w 10 ${address}`)).status).toBe(0)
    const url = `http://${address.includes(':') ? `[${address}]` : address}/`
    const got = await netns.run(`curl -sS --max-time 20 ${url}`)
    const from = address.includes(':') ? '2001:db8:0:1::1' : '::ffff:198.18.1.1'
    expect(got).toMatchObject({ status: 0, stdout: `for ${from}`, stderr: '' })
  }
}, 60_000)

test('the host connects to the machine, and past it', async () => {
  const { netns, host } = await made({
    interface: 'vnet7',
    addresses: ['192.0.2.1/29'],
    wire: 'delay 1ms',
  })
  expect([host.name, host.machine]).toEqual(['vnet7', ['192.0.2.2']])
  netns.ip('addr add 198.18.9.9/32 dev lo')
  for (const name of ['machine', '198.18.9.9']) {
    const code =
      's=require("net").createServer(c=>(c.end("hi"),s.close())).listen(7000,()=>console.log("up"))'
    const child = netns.spawn([process.execPath, '-e', code])
    await once(child.stdout, 'data')
    expect(await text(await host.connect(7000, name))).toBe('hi')
    await once(child, 'exit')
  }
  expect((await host.link.stats()).ba.stages).toMatchObject([{ stage: 'delay' }])
}, 60_000)

test('the machine has one address in each network, which is none of the host', async () => {
  const { host } = await made({ addresses: ['192.0.2.1/29', '192.0.2.2/29', '2001:db8:7::1/64'] })
  expect(host.machine).toEqual(['192.0.2.3', '2001:db8:7::2'])
}, 60_000)

test('real time passes on the host, and closing it ends its servers and removes the TAP', async () => {
  const { netns, host } = await made()
  const server = net.createServer(socket =>
    socket.resume().setTimeout(50, () => socket.end('late')),
  )
  const port = await host.listen(server)
  expect((await netns.run(`curl -sS --http0.9 198.18.1.2:${port}`)).stdout).toBe('late')
  await host.close()
  expect(server.listening).toBe(false)
  expect(netns.ip('-o link')).not.toContain('host0')
  await expect(host.listen(net.createServer())).rejects.toThrow('the lab has ended')
}, 60_000)

test('two hosts in a process have stacks of their own', async () => {
  const { netns, host } = await made()
  const other = await tapHost({ netns: netns.name, addresses: ['198.18.2.2/24'] })
  hosts.push(other)
  expect(other.name).toBe('host1')
  await host.listen(
    net.createServer(socket => socket.resume().end('one')),
    7,
  )
  await other.listen(
    net.createServer(socket => socket.resume().end('two')),
    7,
  )
  expect((await netns.run('curl -sS --http0.9 198.18.1.2:7')).stdout).toBe('one')
  expect((await netns.run('curl -sS --http0.9 198.18.2.2:7')).stdout).toBe('two')
}, 60_000)

test('refuses wrong options and taken networks in one line, and leaves nothing', async () => {
  const { netns } = await made()
  const refused = (options: TapHostOptions) =>
    expect(tapHost({ netns: netns.name, ...options })).rejects
  await refused({}).toThrow(/^address 198\.18\.1\.1\/24: .*; choose another$/)
  await refused({ addresses: ['198.18.5.1'] }).toThrow(
    'address 198.18.5.1: write it with the prefix of a network, as 198.18.0.2/24',
  )
  await refused({ addresses: [] }).toThrow('tapHost: addresses: name one')
  await refused({ addresses: ['198.18.5.1/24'], wire: 'dealy 1ms' }).toThrow(
    "'dealy' is not a word of a wire",
  )
  await refused({ adresses: [] } as TapHostOptions).toThrow(/^tapHost: /)
  await refused({ interface: 'a/b', addresses: ['198.18.5.1/24'] }).toThrow(
    "tapHost: interface: 'a/b' is not a name",
  )
  expect(netns.ip('-br link').trim().split('\n')).toHaveLength(2)
}, 60_000)
