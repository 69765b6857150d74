/** The log of a live cable with real traffic, repeated by vnet simulate to the same decisions. */
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { outcome } from '#support/netns.ts'
import { asNobodyIn, withoutTunIn } from '#support/privileges.ts'
import { runMain } from '#support/run-main.ts'
import { tcpExchange, udpSocket } from '#support/sockets.ts'
import { pingSome } from '#support/traffic.ts'
import { jsonLines, PROGRAM, startVnet, stopConserved } from '#support/vnet-process.ts'

const { near, far, directory } = freshQuietNamespaces('near', 'far')

/** Sends what a wire has to decide on: pings, datagrams in bursts, TCP in both directions. */
async function traffic(): Promise<void> {
  const pinging = pingSome(near, '-c 60 -i 0.01 -W 1 198.18.0.2')
  const socket = await udpSocket(near, '198.18.0.1', 5000)
  for (let i = 0; i < 300; i++) {
    await new Promise(resolve => socket.send(Buffer.alloc(4 * i, i), 5000, '198.18.0.2', resolve))
  }
  socket.close()
  const [client, server] = [
    { netns: near, address: '198.18.0.1', reachedAt: '198.18.0.1' },
    { netns: far, address: '198.18.0.2', reachedAt: '198.18.0.2' },
  ]
  await tcpExchange(client, server, 100_000)
  await pinging
}

const linesOf = (path: string) => readFileSync(path, 'utf8').split('\n')

/** The lines of each direction: a direction with much to do lags, so their order varies. */
const byDirection = (lines: readonly string[]) =>
  ['ab', 'ba'].map(direction => lines.filter(line => line.includes(`"direction":"${direction}"`)))

async function repeats(words: string, ...changes: string[]): Promise<string[]> {
  const [log, again] = [join(directory, 'run.log'), join(directory, 'again.log')]
  const addresses = [
    '--address',
    'left=198.18.0.1/24',
    '--address',
    'right=198.18.0.2/24',
    '--json',
  ]
  const ends = [`${near.name}/left`, `${far.name}/right`]
  const vnet = await startVnet([
    'cable',
    ...ends,
    ...addresses,
    '--wire',
    words,
    '--seed',
    '7',
    '--log',
    log,
  ])
  await traffic()
  for (const change of changes) {
    // While packets are in flight.
    const pinging = pingSome(near, '-c 20 -i 0.01 -W 1 198.18.0.2')
    const { status, stderr } = await outcome(
      near.spawn([process.execPath, PROGRAM, 'wire', 'left', change]),
    )
    expect([status, stderr]).toEqual([0, ''])
    await Promise.all([pinging, traffic()])
  }
  // Packets in flight at the end of a live run are dropped, but leave a simulated wire.
  const held = async () =>
    jsonLines((await runMain('wire', `${near.name}/left`, '--json')).stdout).some(
      stage => Number(stage.held) > 0,
    )
  await expect.poll(held).toBe(false)
  await stopConserved(vnet)
  const { status, stderr } = await runMain('simulate', log, '--log', again)
  expect([status, stderr]).toEqual([0, ''])
  const live = linesOf(log)
  expect(linesOf(again).length).toBe(live.length)
  expect(byDirection(linesOf(again))).toEqual(byDirection(live))
  return live
}

const count = (lines: readonly string[], verdict: string) =>
  lines.filter(line => line.includes(`"verdict":"${verdict}"`)).length

test('a log with jitter, bursts of loss, duplicates, corruption and a rate is repeated line by line', async () => {
  const live = await repeats(
    'delay 5ms 3ms 25% distribution normal reorder 5% loss gemodel 1% 30% duplicate 3% corrupt 1% rate 20mbit limit 50',
  )
  for (const verdict of ['drop', 'duplicate', 'corrupt', 'reorder', 'delay']) {
    expect(count(live, verdict)).toBeGreaterThan(0)
  }
})

test('a log of CoDel, of a filter and of changes while packets are in flight is repeated', async () => {
  const live = await repeats(
    'rate 5mbit codel target 1ms interval 10ms limit 200',
    'match icmp ( delay 30ms ) else ( loss 2% | rate 50mbit )',
    'slot 2ms 4ms',
  )
  expect(count(live, 'set')).toBe(6)
})

test('an ordinary user without /dev/net/tun simulates a log', async () => {
  const log = join(directory, 'run.log')
  const ends = [`${near.name}/left`, `${far.name}/right`]
  await stopConserved(
    await startVnet(['cable', ...ends, '--json', '--wire', 'loss 1%', '--log', log]),
  )
  const [command, ...args] = [
    ...withoutTunIn(near),
    ...asNobodyIn(near).slice(4),
    process.execPath,
    PROGRAM,
  ] as const
  const child = spawn(command as string, [...args, 'simulate', log], { stdio: 'pipe' })
  const { status, stdout, stderr } = await outcome(child)
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('run.log ab: loss 1%')
})

test('a log of GSO frames that pass whole is repeated', async () => {
  const live = await repeats('delay 10ms')
  expect(live.filter(line => line.includes('"gso":')).length).toBeGreaterThan(0)
})

test('the capture of a live wire has the same arrivals and losses in a simulation', async () => {
  const [log, capture] = [join(directory, 'run.log'), join(directory, 'run.pcapng')]
  const ends = [`${near.name}/left`, `${far.name}/right`]
  const addresses = [
    '--address',
    'left=198.18.0.1/24',
    '--address',
    'right=198.18.0.2/24',
    '--json',
  ]
  const files = ['--log', log, '--capture', capture]
  const vnet = await startVnet([
    'cable',
    ...ends,
    ...addresses,
    '--wire',
    'loss 10%',
    '--seed',
    '3',
    ...files,
  ])
  await pingSome(near, '-c 100 -i 0.005 -W 1 198.18.0.2')
  await stopConserved(vnet)
  const live = jsonLines(readFileSync(log, 'utf8'))
  const { status, stdout } = await runMain(
    'simulate',
    capture,
    '--wire',
    'loss 10%',
    '--seed',
    '3',
    '--json',
  )
  expect(status).toBe(0)
  const again = jsonLines(stdout)
  for (const direction of ['ab', 'ba']) {
    const countOf = (verdict: string) =>
      live.filter(line => line.direction === direction && line.verdict === verdict).length
    const stage = again.find(each => each.direction === direction)
    expect([stage?.in, stage?.dropped]).toEqual([countOf('arrive'), countOf('drop')])
    expect(stage?.dropped).toBeGreaterThan(0)
  }
})
