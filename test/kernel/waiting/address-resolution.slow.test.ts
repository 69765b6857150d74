/**
 * Address resolution on real TAPs: with --arp every host of the far network is found by ARP and
 * neighbour discovery, and replies to ping. Requests for the device's own addresses get no reply,
 * so duplicate address detection succeeds. Without --arp no far host replies.
 */
import { beforeEach, describe, expect, test } from 'vitest'
import { captureLines } from '#support/capture.ts'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { type Netns, type Outcome, outcome } from '#support/netns.ts'
import { firstOf } from '#support/scale.ts'
import { untilFound } from '#support/shown-link.ts'
import { type End, tcpExchange } from '#support/sockets.ts'
import { farEnd, farEnd6, nearEnd, nearEnd6, pingAll, udpEcho } from '#support/traffic.ts'
import { BOTH_WAYS, startVnet, stopConserved } from '#support/vnet-process.ts'

const { own, near, far } = freshNamespaces('near', 'far')

/** How a driver is run, and where the interfaces of the two networks are. */
interface Setup {
  readonly args: readonly string[]
  /** Each with its own address, a real far end and a simulated one, of both families. */
  readonly interfaces: readonly Interface[]
  readonly ends: readonly (readonly [End, End])[]
}

interface Interface {
  readonly netns: Netns
  readonly name: string
  readonly own: readonly [string, string]
  readonly real: readonly [string, string]
  readonly simulated: readonly [string, string]
}

function sides(
  here: Netns,
  hereName: string,
  there: Netns,
  thereName: string,
): readonly Interface[] {
  return [
    {
      netns: here,
      name: hereName,
      own: ['198.18.0.1', '2001:db8::1'],
      real: ['198.18.0.2', '2001:db8::2'],
      simulated: ['198.18.0.77', '2001:db8::77'],
    },
    {
      netns: there,
      name: thereName,
      own: ['198.18.1.2', '2001:db8:0:1::2'],
      real: ['198.18.1.1', '2001:db8:0:1::1'],
      simulated: ['198.18.1.77', '2001:db8:0:1::77'],
    },
  ]
}

const setups: Record<string, () => Setup> = {
  snull: () => ({
    args: ['snull', '--netns', near.name],
    interfaces: sides(near, 'sn0', near, 'sn1'),
    ends: [
      [nearEnd(near), farEnd(near)],
      [nearEnd6(near), farEnd6(near)],
    ],
  }),
  'snull between two namespaces': () => ({
    args: ['snull', `${near.name}/sn0`, `${far.name}/sn1`],
    interfaces: sides(near, 'sn0', far, 'sn1'),
    ends: [
      [nearEnd(near), farEnd(far)],
      [nearEnd6(near), farEnd6(far)],
    ],
  }),
  loop: () => ({
    args: ['loop', '--netns', near.name],
    interfaces: sides(near, 'vnet0', near, 'vnet0'),
    ends: [
      [nearEnd(near), farEnd(near)],
      [nearEnd6(near), farEnd6(near)],
    ],
  }),
}

/** arping(8) got a reply; more than one if the first was late. */
const ANSWERED = { status: 0, answers: expect.toSatisfy((answers: number) => answers > 0) }

/** The replies that arping(8) received, and its exit status. */
async function arping(
  netns: Netns,
  options: string,
): Promise<{ status: number | null; answers: number }> {
  const { status, stdout, stderr } = await netns.run(`arping ${options}`)
  const [, answers] = /^Received (\d+) response/m.exec(stdout) ?? []
  if (answers === undefined) throw new Error(`arping ${options}: ${stdout}${stderr}`)
  return { status, answers: Number(answers) }
}

/** Solicits until there is a reply, 30 times at most, or once if there is to be none. */
const ndisc6 = (netns: Netns, options: string, { isSilent = false } = {}): Promise<Outcome> =>
  netns.run(`ndisc6 -n ${isSilent ? '-r 1 -w 300' : '-r 30 -w 1000'} ${options}`)

interface Neighbour {
  readonly dst: string
  readonly dev: string
  readonly lladdr: string
  readonly state: readonly string[]
}

async function neighbours(netns: Netns): Promise<Neighbour[]> {
  return JSON.parse((await netns.run('ip -j neigh')).stdout)
}

/**
 * Adds an address and returns the output of `ip addr` once its duplicate address detection is over.
 */
async function afterDad(netns: Netns, name: string, address: string): Promise<string> {
  const added = await netns.run(`ip -6 addr add ${address}/64 dev ${name}`)
  expect(added).toMatchObject({ status: 0, stderr: '' })
  return await untilFound(own, netns, () => {
    const text = netns.ip(`-o -6 addr show dev ${name} to ${address}`)
    return /dadfailed/.test(text) || !/tentative/.test(text) ? text : undefined
  })
}

describe.each(Object.keys(setups))('%s --arp', which => {
  let setup: Setup
  beforeEach(() => {
    setup = setups[which]!()
  })
  /** Runs `look` for all interfaces concurrently. */
  const everywhere = (look: (where: Interface, i: number) => Promise<void>) =>
    Promise.all(setup.interfaces.map(look))
  const start = (...args: readonly string[]) =>
    startVnet([...setup.args, '--json', '--ipv6', ...args])

  test('interfaces do ARP, and their neighbours are reachable after traffic', async () => {
    const vnet = await start('--arp')
    for (const { netns, name, real, simulated } of setup.interfaces) {
      const [link] = JSON.parse((await netns.run(`ip -j link show ${name}`)).stdout)
      expect(link.flags).not.toContain('NOARP')
      for (const address of [...real, ...simulated]) {
        await pingAll(netns, `-c 1 ${address}`)
        const found = (await neighbours(netns)).find(
          ({ dst, dev }) => dst === address && dev === name,
        )
        expect(found).toMatchObject({
          state: ['REACHABLE'],
          lladdr: expect.stringMatching(/^(..:){5}..$/),
        })
        expect(found?.lladdr).not.toBe(link.address)
      }
    }
    await stopConserved(vnet)
  })

  test.each(firstOf(1, BOTH_WAYS))(
    'every far host answers pings of any size, real or not, %s',
    async (_, offload) => {
      const vnet = await start('--arp', ...offload)
      for (const { netns, real, simulated } of setup.interfaces) {
        const pings = [...real, ...simulated].flatMap(address =>
          [0, 56, 1472, 4000].map(size => `-s ${size} ${address}`),
        )
        await Promise.all(pings.map(options => pingAll(netns, `-c 3 -i 0.01 ${options}`)))
      }
      await stopConserved(vnet)
    },
  )

  test.each(firstOf(1, BOTH_WAYS))('TCP and UDP reach the real far end %s', async (_, offload) => {
    const vnet = await start('--arp', ...offload)
    for (const [client, server] of setup.ends) {
      const { sent, received } = await tcpExchange(client, server, 1 << 20)
      expect(received).toEqual(sent)
      await udpEcho(client, server, [0, 1, 1472, 8001])
    }
    await stopConserved(vnet)
  })

  test('arping gets replies for far hosts, and none for own addresses or probes', async () => {
    const vnet = await start('--arp')
    await everywhere(async ({ netns, name, own, real, simulated }) => {
      const ask = `-c 1 -w 1 -I ${name}`
      for (const [address] of [real, simulated]) {
        expect(await arping(netns, `-f -w 30 -I ${name} -s ${own[0]} ${address}`)).toEqual(ANSWERED)
      }
      const [silent, probe, probeFar] = await Promise.all([
        arping(netns, `${ask} -s ${own[0]} ${own[0]}`),
        arping(netns, `-D ${ask} ${own[0]}`),
        arping(netns, `-D ${ask} ${simulated[0]}`),
      ])
      expect(silent).toEqual({ status: 1, answers: 0 })
      for (const result of [probe, probeFar]) {
        expect(result).toEqual({ status: 0, answers: 0 })
      }
    })
    await stopConserved(vnet)
  })

  test('ndisc6 gets replies for far hosts, and none for own addresses', async () => {
    const vnet = await start('--arp')
    await everywhere(async ({ netns, name, own, real, simulated }, i) => {
      // Solicitations are sent once there is a link-local address, which is detected before this
      // one.
      await afterDad(netns, name, `2001:db8:${i + 1}::1`)
      for (const [, address] of [real, simulated]) {
        const { status, stdout } = await ndisc6(netns, `${address} ${name}`)
        expect([status, stdout]).toEqual([
          0,
          expect.stringContaining('Target link-layer address: '),
        ])
      }
      const { status, stdout } = await ndisc6(netns, `${own[1]} ${name}`, { isSilent: true })
      expect([status, stdout]).toEqual([2, expect.stringContaining('No response.')])
    })
    await stopConserved(vnet)
  })

  test.each([0, 1])('duplicate address detection succeeds with enhanced_dad %i', async enhanced => {
    for (const netns of [near, far]) {
      for (const name of ['all', 'default']) {
        netns.exec(`sysctl -qw net.ipv6.conf.${name}.enhanced_dad=${enhanced}`)
      }
    }
    const vnet = await start('--arp')
    for (const { netns, name } of setup.interfaces) {
      const { stdout } = await netns.run(`cat /proc/sys/net/ipv6/conf/${name}/enhanced_dad`)
      expect(stdout.trim()).toBe(`${enhanced}`)
    }
    await everywhere(async ({ netns, name }, i) => {
      const text = await afterDad(netns, name, `2001:db8:${i + 1}::5`)
      expect(text).toContain(`inet6 2001:db8:${i + 1}::5/64 `)
      expect(text).not.toMatch(/tentative|dadfailed/)
    })
    const statistics = await stopConserved(vnet)
    // Its solicitations were dropped.
    for (const { name } of setup.interfaces) {
      expect(statistics[name]!.drops.tx.NEIGH).toBeGreaterThanOrEqual(1)
    }
  })

  test('with --arp an address that is added later gets no reply until it is removed', async () => {
    const vnet = await start('--arp')
    const [{ netns, name, own }] = setup.interfaces as [Interface]
    const from = `-I ${name} -s ${own[0]} 198.18.0.9`
    expect(await arping(netns, `-f -w 30 ${from}`)).toEqual(ANSWERED)
    await netns.run(`ip addr add 198.18.0.9/32 dev ${name}`)
    // Until the program has seen the address.
    await expect.poll(() => arping(netns, `-c 1 -w 1 ${from}`)).toEqual({ status: 1, answers: 0 })
    await netns.run(`ip addr del 198.18.0.9/32 dev ${name}`)
    expect(await arping(netns, `-f -w 30 ${from}`)).toEqual(ANSWERED)
    await stopConserved(vnet)
  })

  test('the real far end replies to pings once it exists', async () => {
    const vnet = await start('--arp')
    const [{ netns }, there] = setup.interfaces as [Interface, Interface]
    const capture = await captureLines(there.netns, there.name, '-Q in icmp')
    await pingAll(netns, '-c 1 -s 100 198.18.0.9')
    await there.netns.run(`ip addr add 198.18.1.9/32 dev ${there.name}`)
    // Until the program has seen the address.
    const ping = netns.spawn('ping -q -i 0.1 -s 200 198.18.0.9')
    await capture.until(line => line.includes('198.18.1.1 > 198.18.1.9: ICMP echo request'))
    ping.kill('SIGINT')
    await outcome(ping)
    const requests = (await capture.stop()).filter(line =>
      line.includes('198.18.1.1 > 198.18.1.9: ICMP echo request'),
    )
    // A late reply makes ping ask again.
    for (const request of requests) {
      expect(request).toContain('length 208')
    }
    await stopConserved(vnet)
  })

  test('without --arp interfaces are NOARP, and only the real far end replies', async () => {
    const vnet = await start()
    await everywhere(async ({ netns, name, real, simulated }) => {
      const [link] = JSON.parse((await netns.run(`ip -j link show ${name}`)).stdout)
      expect(link.flags).toContain('NOARP')
      await pingAll(netns, `-c 1 ${real[0]}`)
      expect((await netns.run(`ping -q -c 1 -W 0.3 ${simulated[0]}`)).status).toBe(1)
    })
    // Even with ARP turned on by hand, simulated hosts do not reply.
    await everywhere(async ({ netns, name, own, real }) => {
      await netns.run(`ip link set ${name} arp on`)
      const [asked, solicited] = await Promise.all([
        arping(netns, `-c 1 -w 1 -I ${name} -s ${own[0]} ${real[0]}`),
        ndisc6(netns, `${real[1]} ${name}`, { isSilent: true }),
      ])
      expect(asked).toEqual({ status: 1, answers: 0 })
      expect(solicited.stdout).toContain('No response.')
    })
    await stopConserved(vnet)
  })
})

test('snull and loop --arp reply with the current hardware address of the far end', async () => {
  const [peer, one] = ['02:00:00:00:00:10', '02:00:00:00:00:20']
  for (const [args, name, other, expected] of [
    [['snull', '--netns'], 'sn0', 'sn1', peer],
    [['loop', '--netns'], 'vnet0', 'vnet0', one.replace(/20$/, '21')],
  ] as const) {
    const vnet = await startVnet([...args, near.name, '--json', '--arp'])
    await near.run(`ip link set ${other} address ${name === other ? one : peer}`)
    await pingAll(near, '-c 1 198.18.0.77')
    const found = (await neighbours(near)).find(({ dst }) => dst === '198.18.0.77')
    expect(found).toMatchObject({ lladdr: expected, state: ['REACHABLE'] })
    await stopConserved(vnet)
  }
})
