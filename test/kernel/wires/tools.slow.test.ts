/**
 * What users of bad links do, with their own tools, through a wire: ping and iperf3 over delay and
 * loss, a download over a satellite, a recorded link, an outage.
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { expect, test } from 'vitest'
import { SOCK_STREAM } from '#src/linux/uapi.ts'
import { countOf, type Decision, DecisionsFile } from '#support/decisions.ts'
import { written } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { runMain } from '#support/run-main.ts'
import { snmp } from '#support/snmp.ts'
import { boundForNode, type End } from '#support/sockets.ts'
import { iperf3 } from '#support/traffic.ts'
import { openDatagrams, startStreams } from '#support/verified-streams.ts'
import { jsonLines, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const MIB = 1 << 20
const ETH_HLEN = 14
/** The payload of a UDP datagram in an IPv4 packet of 1,500 bytes. */
const FULL = 1472

const { left, right, directory } = freshQuietNamespaces('left', 'right')
const client: End = { netns: left, address: '192.0.2.1', reachedAt: '192.0.2.1' }
const server: End = { netns: right, address: '192.0.2.2', reachedAt: '192.0.2.2' }
const log = new DecisionsFile(directory)

/** Starts a cable. Its ends have each other's MAC addresses, so no packet is ARP. */
async function start(...args: readonly string[]): Promise<Running> {
  const vnet = await startVnet([
    'cable',
    `${left.name}/left`,
    `${right.name}/right`,
    '--json',
    '--seed',
    '7',
    '--log',
    log.path,
    ...args,
    '--address',
    'left=192.0.2.1/24',
    '--address',
    'right=192.0.2.2/24',
  ])
  const [a, b] = vnet.interfaces()
  left.ip(`neigh add 192.0.2.2 lladdr ${b!.mac} dev left`)
  right.ip(`neigh add 192.0.2.1 lladdr ${a!.mac} dev right`)
  return vnet
}

const file = (name: string, text: string) => written(directory, name, text)

/** Returns when packets left the wire, by its clock, and their bytes after the link header. */
function departures(
  decisions: readonly Decision[],
  direction: 'ab' | 'ba',
): { ms: number; bytes: number }[] {
  const ofDirection = decisions.filter(each => each.direction === direction)
  const sizes = new Map(
    ofDirection.filter(({ verdict }) => verdict === 'arrive').map(({ n, amount }) => [n, amount]),
  )
  return ofDirection
    .filter(({ verdict }) => verdict === 'delay')
    .map(({ t, n }) => ({ ms: t / 1e6, bytes: (sizes.get(n) ?? 0) - ETH_HLEN }))
}

test('ping over `delay 20ms loss 1%` takes 40 ms, and misses exactly the packets that the wires lost', async () => {
  const vnet = await start('--wire', 'delay 20ms loss 1%')
  const { stdout } = await left.run('ping -q -c 500 -i 0.002 -W 1 192.0.2.2')
  // Those that come after the end of ping count, too.
  const dropped = async () =>
    jsonLines((await runMain('wire', `${left.name}/left`, '--json')).stdout).reduce(
      (sum, stage) => sum + Number(stage.dropped),
      0,
    )
  const received = () => snmp(left)['Icmp.InEchoReps'] ?? 0
  await expect.poll(async () => received() + (await dropped())).toBe(500)
  await stopConserved(vnet)
  expect(Number(/= ([\d.]+)\//.exec(stdout)?.[1])).toBeGreaterThanOrEqual(40)
  const decisions = log.read()
  const lost = countOf(decisions, 'drop')
  expect(lost).toBe(500 - received())
  // 1 - 0.99^2 of 500, and three standard deviations.
  expect(lost).toBeGreaterThan(10 - 3 * 3.1)
  expect(lost).toBeLessThan(10 + 3 * 3.1)
  expect(
    new Set(decisions.filter(({ verdict }) => verdict === 'delay').map(({ amount }) => amount)),
  ).toEqual(new Set([20e6]))
})

test('iperf3 over `delay 20ms loss 1%` transfers in both directions, and every lost packet is counted', async () => {
  const vnet = await start('--wire', 'delay 20ms loss 1% limit 10000')
  expect(await iperf3(client, server, 4, '-n 2M')).toBeGreaterThan(0)
  const { left: a, right: b } = await stopConserved(vnet)
  const decisions = log.read()
  for (const [direction, from] of [
    ['ab', a],
    ['ba', b],
  ] as const) {
    const drops = decisions.filter(each => each.why === 'loss' && each.direction === direction)
    expect(drops.length).toBeGreaterThan(0)
    expect(from!.drops.tx.WIRE_LOSS).toBe(drops.length)
  }
})

test('a download of HTTP over `preset satellite-geo` arrives intact, and its round trips take 600 ms', async () => {
  const vnet = await start('--wire', 'preset satellite-geo')
  const body = randomBytes(MIB / 4)
  const http = createServer((_, response) => response.end(body))
  http.listen({ fd: boundForNode(right, SOCK_STREAM, '192.0.2.2', 8080) })
  await once(http, 'listening')
  const curl = [
    'sh',
    '-c',
    "curl -sw '%{stderr}%{time_connect} %{time_starttransfer}' http://192.0.2.2:8080/ | sha256sum",
  ]
  const { stdout, stderr } = await outcome(left.spawn(curl))
  http.close()
  expect(stdout.split(' ')[0]).toBe(createHash('sha256').update(body).digest('hex'))
  const [connected, first] = stderr.split(' ').map(Number)
  expect(connected).toBeGreaterThanOrEqual(0.6)
  expect(first).toBeGreaterThanOrEqual(1.2)
  await stopConserved(vnet)
})

test('a trace of mahimahi delivers 1,500 bytes at each of its opportunities, and no more', async () => {
  // 12 Mbit/s there; two opportunities in five milliseconds back.
  const [up, down] = [file('up', '1\n'), file('down', '2\n5\n')]
  const vnet = await start('--wire-ab', `trace ${up}`, '--wire-ba', `trace ${down}`)
  const datagrams = await openDatagrams(client, server)
  const each = { datagrams: 40, longest: FULL, same: true }
  expect(await datagrams.exchange(40 * FULL, FULL)).toEqual([each, each])
  datagrams.close()
  const streams = await startStreams(client, server)
  await streams.more(MIB / 4)
  for (const { wrong } of await streams.end()) {
    expect(wrong).toEqual([])
  }
  await stopConserved(vnet)
  const decisions = log.read()
  for (const [direction, burst, perSecond] of [
    ['ab', 40, 1000],
    ['ba', 100, 400],
  ] as const) {
    const left = departures(decisions, direction)
    expect(left[0]!.bytes).toBe(1500)
    expect(left[38]!.ms - left[0]!.ms).toBeCloseTo(38_000 / perSecond, 6)
    for (let from = 0, to = 0, bytes = 0; to < left.length; to++) {
      bytes += left[to]!.bytes
      while (left[to]!.ms - left[from]!.ms > burst) {
        bytes -= left[from++]!.bytes
      }
      // An opportunity may have sent the last byte of a packet that it did not send whole.
      expect(bytes).toBeLessThanOrEqual(1500 * ((burst * perSecond) / 1000 + 2))
    }
  }
})

test('a TCP connection survives an outage of two seconds that a scenario makes', async () => {
  const scenario = file(
    'outage.yaml',
    '- { at: 300ms, carrier: off }\n- { at: 2300ms, carrier: on }\n',
  )
  const vnet = await start('--wire', 'delay 5ms limit 10000', '--scenario', scenario)
  const streams = await startStreams(client, server)
  await vnet.line(/left: cable cut \(scenario: carrier off\)/)
  await streams.more(4 * MIB)
  expect(vnet.stdout).toMatch(/left: cable plugged in \(scenario: carrier on\)/)
  for (const { wrong } of await streams.end()) {
    expect(wrong).toEqual([])
  }
  expect(snmp(left)['TcpExt.TCPTimeouts']).toBeGreaterThan(0)
  await stopConserved(vnet)
})
