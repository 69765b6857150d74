/** Access networks of a lab: forwarded ports, hairpinning, firewalls and presets. */
import { once } from 'node:events'
import http from 'node:http'
import net from 'node:net'
import { describe, expect, test } from 'vitest'
import { createLab, type LabHost, type LabRouterOptions } from '../../src/index.ts'
import { client, clientAndServer, lab, server } from '../support/client-and-server.ts'

clientAndServer()

const OWN = ['full-cone', 'restricted', 'port-restricted', 'symmetric'] as const
const NATS = ['masquerade', ...OWN] as const

const router = (options: LabRouterOptions) =>
  lab.router('router', { inside: [client], outside: server, ...options })
const v4 = (host: LabHost) => host.addresses.filter(each => !each.includes(':'))
const v6 = (host: LabHost) => host.addresses.filter(each => each.includes(':'))
/** The IPv4 address of a router on its link to `outside`. */
const outer = async (made: LabHost, outside: LabHost) => {
  const links = outside.interfaces.map(({ link }) => link)
  return made.interfaces.find(({ link }) => links.includes(link))!.addresses[0]!.split('/')[0]!
}

/** The IPv4 address of a router on its link to the client. */
const gatewayOf = (made: LabHost) => {
  return made.interfaces.find(({ name }) => name === 'client')!.addresses[0]!.split('/')[0]!
}

/** A server that replies with the address that it sees. */
const echo = () =>
  http.createServer(({ socket }, response) =>
    response.end(socket.remoteAddress?.replace('::ffff:', '')),
  )

const text = async (from: LabHost, host: string, port = 80) => {
  const response = await from.fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}/`)
  return response.text()
}

/** Whether a UDP datagram arrives before `known`, which sends something later by its path. */
async function reaches(
  from: LabHost,
  to: LabHost,
  address: string,
  known: () => Promise<unknown>,
  port = 7000,
) {
  const type = address.includes(':') ? 'udp6' : 'udp4'
  const [receiver, sender] = [await to.createSocket(type, port), await from.createSocket(type)]
  let arrived = false
  receiver.on('message', () => {
    arrived = true
  })
  await new Promise(resolve => sender.send('x', port, address, resolve))
  await known()
  receiver.close()
  sender.close()
  return arrived
}

describe('a forwarded port', () => {
  test.each(NATS)(
    '%s: everyone outside reaches the host, which sees their addresses',
    async nat => {
      const made = await router({ nat, forward: { 'tcp 8080': 'client:80' } })
      await client.listen(echo(), 80)
      expect(await text(server, await outer(made, server), 8080)).toBe(v4(server)[0])
    },
  )

  test.each(NATS)('%s: a host that is joined later gets its port', async nat => {
    const [late] = lab.hosts('late')
    const made = await router({ nat, forward: { 'udp 5000': 'late' } })
    await lab.cable(late, made)
    const [receiver, sender] = [
      await late.createSocket('udp4', 5000),
      await server.createSocket('udp4'),
    ]
    sender.send('hello', 5000, await outer(made, server))
    const [message, from] = await once(receiver, 'message')
    expect(String(message)).toBe('hello')
    receiver.send('answer', from.port, from.address)
    expect((await once(sender, 'message'))[1]).toMatchObject({
      port: 5000,
      address: await outer(made, server),
    })
  })

  test('a router forwards further ports while it runs, and refuses one that is taken', async () => {
    const made = await router({ nat: 'symmetric', forward: { 'tcp 8080': 'client:80' } })
    await client.listen(echo(), 22)
    await made.forward('tcp 2222', 'client:22')
    expect(await text(server, await outer(made, server), 2222)).toBe(v4(server)[0])
    await expect(made.forward('tcp 8080', 'client:81')).rejects.toThrow(
      'the port 8080 is forwarded already',
    )
    await expect(made.forward('tcp 8081', 'client:80')).rejects.toThrow(
      'has the port 8080 outside already',
    )
    await expect(made.forward('tcp 1', 'nobody')).rejects.toThrow(
      'the lab has no host of this name',
    )
  })
})

describe('hairpinning', () => {
  test.each(NATS)(
    '%s: a host inside reaches a forwarded port of another by the address outside',
    async nat => {
      const [neighbour] = lab.hosts('neighbour')
      const made = await router({
        nat,
        hairpin: true,
        inside: [client, neighbour],
        forward: { 'tcp 8080': 'client:80' },
      })
      await client.listen(echo(), 80)
      const address = await outer(made, server)
      // The kernel shows the address of the router on the link of the host.
      expect(made.addresses).toContain(await text(neighbour, address, 8080))
      await server.listen(echo(), 80)
      expect(await text(neighbour, v4(server)[0]!)).toBe(address)
    },
  )

  test.each(['full-cone', 'symmetric'] as const)(
    '%s: without it the router refuses such packets',
    async nat => {
      const [neighbour] = lab.hosts('neighbour')
      const made = await router({
        nat,
        inside: [client, neighbour],
        forward: { 'tcp 8080': 'client:80' },
      })
      await client.listen(echo(), 80)
      const refused = neighbour.connect(8080, await outer(made, server))
      await expect(refused).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    },
  )

  test.each([true, false])(
    'with hairpin: %s, no packet from outside passes with an address of the inside',
    async hairpin => {
      const [neighbour] = lab.hosts('neighbour')
      const made = await router({
        nat: 'full-cone',
        hairpin,
        inside: [client, neighbour],
        forward: { 'udp 7000': 'client' },
      })
      const own = made.interfaces
        .find(({ name }) => name === 'neighbour')!
        .addresses[0]!.split('/')[0]!
      const receiver = await client.createSocket('udp4', 7000)
      const received: string[] = []
      receiver.on('message', message => received.push(String(message)))
      const address = await outer(made, server)
      await server.exec('ip', ['addr', 'add', `${own}/32`, 'dev', 'lo'])
      const send = async (text: string, host?: string) => {
        const sender = await server.createSocket('udp4', 0, host)
        await new Promise(resolve => sender.send(text, 7000, address, resolve))
      }
      await send('spoofed', own)
      await send('known')
      await expect.poll(() => received.includes('known')).toBe(true)
      expect(received).toEqual(['known'])
      const settings = await made.exec('sh', [
        '-c',
        'grep -l 1 /proc/sys/net/ipv4/conf/*/accept_local || true',
      ])
      expect(settings.stdout).toBe(hairpin ? '/proc/sys/net/ipv4/conf/server/accept_local\n' : '')
    },
  )

  test('two hosts inside one NAT exchange datagrams through their ports outside', async () => {
    const [neighbour] = lab.hosts('neighbour')
    await router({ nat: 'port-restricted', hairpin: true, inside: [client, neighbour] })
    const stun = await server.createSocket('udp4', 3478)
    const ends = await Promise.all([client.createSocket('udp4'), neighbour.createSocket('udp4')])
    const seen = []
    for (const end of ends) {
      end.send('hello', 3478, v4(server)[0]!)
      seen.push((await once(stun, 'message'))[1])
    }
    // The first datagram makes the NAT let the second one in. It precedes one for the server.
    ends[0]!.send('one', seen[1].port, seen[1].address)
    ends[0]!.send('later', 3478, v4(server)[0]!)
    await once(stun, 'message')
    ends[1]!.send('two', seen[0].port, seen[0].address)
    const [message, from] = await once(ends[0]!, 'message')
    expect([String(message), from.port, from.address]).toEqual([
      'two',
      seen[1].port,
      seen[1].address,
    ])
  })
})

describe('a captive portal', () => {
  const curl = (from: LabHost, ...args: string[]) => from.exec('curl', ['-sS', '-m30', ...args])

  test.each([4, 6])(
    'answers HTTP requests over IPv%i until it has accepted their host',
    async family => {
      const [guest] = lab.hosts('guest')
      const made = await router({ preset: 'captive-portal', inside: [client, guest] })
      await server.listen(echo(), 80)
      const url = `http://${family === 4 ? v4(server)[0] : `[${v6(server)[0]}]`}/`
      const redirected = await curl(client, '-i', url)
      expect(redirected.stdout).toMatch(/^HTTP\/1.1 302 /)
      const page = await curl(client, '-Li', url)
      expect(page.stdout).toMatch(/HTTP\/1.1 511 .*router.accept\(host\) of router\n$/s)
      await made.accept(client)
      const expected = family === 4 ? await outer(made, server) : v6(client)[0]
      expect((await curl(client, url)).stdout).toBe(expected)
      expect((await curl(guest, '-i', url)).stdout).toMatch(/^HTTP\/1.1 302 /)
    },
  )

  test('lets DNS pass and nothing else, until it has accepted the host', async () => {
    const made = await router({ firewall: 'captive-portal' })
    const address = v6(server)[0]!
    const dns = async () => {
      const [receiver, sender] = [
        await server.createSocket('udp6', 53),
        await client.createSocket('udp6'),
      ]
      sender.send('query', 53, address)
      await once(receiver, 'message')
      receiver.close()
    }
    expect(await reaches(client, server, address, dns)).toBe(false)
    await made.accept(client)
    expect(await reaches(client, server, address, dns)).toBe(true)
    expect(await reaches(server, client, v6(client)[0]!, dns)).toBe(false)
  })

  test('accepts hosts that it reaches inside, by their addresses there, and refuses others', async () => {
    const [guest, neighbour, stranger] = lab.hosts('guest', 'neighbour', 'stranger')
    const made = await router({ firewall: 'captive-portal' })
    await lab.router('inner', { inside: [guest], outside: made })
    await lab.cable(guest, stranger)
    await expect(made.accept(server)).rejects.toThrow(
      'accept: server has no address inside the router router',
    )
    await expect(made.accept(stranger)).rejects.toThrow('accept: stranger has no address inside')
    await expect(made.accept(neighbour)).rejects.toThrow('accept: neighbour has no address inside')
    await expect(made.accept(made)).rejects.toThrow('accept: router has no address inside')
    await using other = await createLab()
    const [client] = other.hosts('client')
    await expect(made.accept(client)).rejects.toThrow(
      'accept: client, of another lab, is not a host of the lab',
    )
    await server.listen(echo(), 8080)
    await made.accept(guest)
    expect(await text(guest, v6(server)[0]!, 8080)).toMatch(/^2001:/)
  })

  test('is needed to accept a host', async () => {
    const made = await router({ firewall: 'block-inbound' })
    await expect(made.accept(client)).rejects.toThrow(
      "router router: accept needs firewall: 'captive-portal'",
    )
    const [guest] = lab.hosts('guest')
    const portal = await lab.router('portal', {
      inside: [guest],
      outside: server,
      firewall: 'captive-portal',
    })
    await expect(portal.accept('guest' as never)).rejects.toThrow(
      "accept: 'guest' is not a host of the lab",
    )
  })
})

describe('a firewall', () => {
  const known = async () => {
    await server.listen(echo(), 80)
    return text(client, v6(server)[0]!)
  }

  test('without a firewall, unrequested IPv6 packets pass a NAT', async () => {
    await router({ nat: 'restricted' })
    expect(await reaches(server, client, v6(client)[0]!, known)).toBe(true)
  })

  test.each([undefined, 'masquerade', 'restricted'] as const)(
    'block-inbound with nat %s: answers pass, unasked IPv6 does not',
    async nat => {
      await router({ firewall: 'block-inbound', ...(nat && { nat }) })
      expect(await reaches(server, client, v6(client)[0]!, known)).toBe(false)
      expect((await client.exec('ping', ['-c1', '-W15', v6(server)[0]!])).status).toBe(0)
    },
  )

  test('block-inbound lets IPsec in over IPv6 (RFC 6092 section 3.2.4)', async () => {
    await router({ firewall: 'block-inbound' })
    expect(await reaches(server, client, v6(client)[0]!, known, 500)).toBe(true)
  })

  test.each([undefined, 'masquerade', 'full-cone'] as const)(
    'block-inbound with nat %s: no IPv4 for the addresses inside passes, even by a route of the outside',
    async nat => {
      const made = await router({ firewall: 'block-inbound', ...(nat && { nat }) })
      const [network] = v4(client)
      await server.exec('ip', [
        'route',
        'replace',
        `${network}/32`,
        'via',
        await outer(made, server),
      ])
      const answered = async () => {
        await server.listen(echo(), 80)
        return text(client, v4(server)[0]!)
      }
      expect(await reaches(server, client, network!, answered)).toBe(false)
    },
  )

  test.each(['masquerade', 'port-restricted'] as const)(
    'block-inbound with nat %s: a forwarded port is open',
    async nat => {
      const made = await router({
        nat,
        firewall: 'block-inbound',
        forward: { 'tcp 8080': 'client:80' },
      })
      await client.listen(echo(), 80)
      expect(await text(server, await outer(made, server), 8080)).toBe(v4(server)[0])
    },
  )

  test('the drops of a firewall are counted by the router, and by the lab for each link', async () => {
    const made = await router({ firewall: 'corporate' })
    expect(made.stats()).toMatchObject({ FirewallInDrops: 0, FirewallOutDrops: 0 })
    expect(await lab.drops()).toEqual([])
    const [at, inner] = [v6(server)[0]!, v6(client)[0]!]
    await client.exec('ping', ['-c3', '-i0.01', '-W0.1', at])
    await server.exec('ping', ['-c2', '-i0.01', '-W0.1', inner])
    // The last packet may still be on its way when ping ends.
    await expect.poll(() => made.stats()).toMatchObject({ FirewallInDrops: 2, FirewallOutDrops: 3 })
    expect(await lab.drops()).toEqual([
      'router-server ab: 3 by firewall corporate',
      'router-server ba: 2 by firewall corporate',
    ])
    expect(client.stats()).not.toHaveProperty('FirewallInDrops')
  })

  test('corporate: TCP to ports 80 and 443 passes; other ports and UDP do not', async () => {
    await router({ firewall: 'corporate', nat: 'symmetric' })
    for (const port of [80, 443]) {
      await server.listen(echo(), port)
    }
    const other = net.createServer()
    await server.listen(other, 8080)
    other.on('connection', () => expect.unreachable('a connection to port 8080 passed'))
    for (const address of server.addresses) {
      client.createConnection(8080, address).on('error', () => {})
      for (const port of [80, 443]) {
        expect(await text(client, address, port)).not.toBe('')
      }
      expect(await reaches(client, server, address, () => text(client, address))).toBe(false)
    }
  })
})

describe('ports that hosts ask for', () => {
  /** Asks for the port 80 of TCP by NAT-PMP. Returns the port outside. */
  const ask = async (from: LabHost, gateway: string) => {
    const socket = await from.createSocket('udp4')
    socket.send(Uint8Array.of(0, 2, 0, 0, 0, 80, 0, 0, 0, 0, 2, 88), 5351, gateway)
    const [reply] = (await once(socket, 'message')) as [Buffer]
    expect(reply.readUInt16BE(2)).toBe(0)
    return reply.readUInt16BE(10)
  }

  test.each(OWN)(
    '%s: everyone outside connects to the port until the NAT starts again',
    async nat => {
      const made = await router({ nat, portMapping: true, firewall: 'block-inbound' })
      await client.listen(echo(), 80)
      const port = await ask(client, gatewayOf(made))
      expect(await text(server, await outer(made, server), port)).toBe(v4(server)[0])
      await made.rebind()
      expect(await ask(client, gatewayOf(made))).not.toBe(port)
    },
  )

  test('the router drops requests from outside', async () => {
    const made = await router({ nat: 'full-cone', portMapping: true })
    const socket = await server.createSocket('udp4')
    let hasAnswered = false
    socket.on('message', () => {
      hasAnswered = true
    })
    const address = await outer(made, server)
    socket.send(Uint8Array.of(0, 0), 5351, address)
    const ping = async () => (await server.exec('ping', ['-c1', '-W15', address])).status
    // After a ping the request has arrived. It is handled before the client's request, and a reply
    // to it arrives before the reply to a second ping.
    expect(await ping()).toBe(0)
    await ask(client, gatewayOf(made))
    expect(await ping()).toBe(0)
    expect(hasAnswered).toBe(false)
  })
})

describe('a preset', () => {
  test.each(['home', 'hotel', 'cgnat', 'mobile', 'corporate', 'cloud'] as const)(
    '%s: a host inside reaches the web, and nothing unasked comes in',
    async preset => {
      const made = await router({ preset })
      await server.listen(echo(), 80)
      expect(await text(client, v4(server)[0]!)).toBe(await outer(made, server))
      expect(
        await reaches(server, client, v6(client)[0]!, () => text(client, v6(server)[0]!)),
      ).toBe(false)
    },
  )

  test('the options beside a preset replace its own', async () => {
    await router({ preset: 'home', firewall: 'none' })
    await server.listen(echo(), 80)
    expect(await reaches(server, client, v6(client)[0]!, () => text(client, v6(server)[0]!))).toBe(
      true,
    )
  })

  test('packets of a home network inside a cgnat are translated twice', async () => {
    const isp = await lab.router('isp', { outside: server, preset: 'cgnat' })
    const home = await lab.router('home', { inside: [client], outside: isp, preset: 'home' })
    await server.listen(echo(), 80)
    expect(await text(client, v4(server)[0]!)).toBe(await outer(isp, server))
    await isp.listen(echo(), 80)
    expect(await text(client, v4(isp)[0]!)).toBe(await outer(home, isp))
  })
})

test.each(['udp', 'tcp'])(
  'the kernel’s NAT has the timeout of %s that a router was given',
  async protocol => {
    const made = await router({ nat: 'masquerade', [`${protocol}Timeout`]: '77s' })
    const name = protocol === 'udp' ? 'udp_timeout_stream' : 'tcp_timeout_established'
    const { stdout } = await made.exec('cat', [`/proc/sys/net/netfilter/nf_conntrack_${name}`])
    expect(stdout).toBe('77\n')
  },
)

describe('options of a router', () => {
  test.each([
    [
      { preset: 'hme' },
      "preset: 'hme' is not a preset, which are home, hotel, cgnat, mobile, corporate, cloud, captive-portal, ipv6-only; did you mean 'home'?",
    ],
    [
      { nat: 'port-restrict' },
      "nat: 'port-restrict' is not a NAT, which are masquerade, full-cone, restricted, port-restricted, symmetric, nat64, nptv6; did you mean 'port-restricted'?",
    ],
    [{ firewall: 'corprate' }, "did you mean 'corporate'?"],
    [{ hairpinning: true }, "no option is called 'hairpinning', but inside, outside,"],
    [{ udptimeout: '1s' }, "did you mean 'udpTimeout'?"],
    [{ nat: 'symmetric', udpTimeout: 'soon' }, "'soon' is not a duration"],
    [{ nat: 'symmetric', udpTimeout: 0 }, "udpTimeout: 0 is not a duration, such as '30s'"],
    [
      { nat: 'masquerade', udpTimeout: '1500ms' },
      "udpTimeout of the kernel's NAT is in whole seconds",
    ],
    [{ udpTimeout: '30s' }, 'udpTimeout needs `nat`'],
    [{ nat: 'masquerade', portMapping: true }, 'portMapping needs another NAT than masquerade'],
    [
      { nat: 'symmetric', forward: { 'sctp 1': 'client' } },
      "forward 'sctp 1' to 'client': write it as",
    ],
    [
      { nat: 'symmetric', forward: { 'tcp 1': 'client:70000' } },
      "write it as 'tcp 8080' to 'server:80'",
    ],
    [{ outside: undefined, firewall: 'corporate' }, 'a firewall needs `outside`'],
  ])('%j is refused in one line', async (options, message) => {
    const making = router(options as LabRouterOptions)
    await expect(making).rejects.toThrow(message)
    await expect(making).rejects.toMatchObject({
      name: 'UsageError',
      message: expect.not.stringContaining('\n'),
    })
  })
})
