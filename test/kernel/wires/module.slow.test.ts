/** 'vnet/wire' on real TAPs: the cable of a program of one's own. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { UsageError } from '#src/base/usage-error.ts'
import { type Cable, type CableOptions, delay, impairment, loss, openCable } from '#src/wire.ts'
import { DecisionsFile } from '#support/decisions.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import type { Netns } from '#support/netns.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { hasCarrier, hasNoCarrier, untilShown } from '#support/shown-link.ts'
import { snmp } from '#support/snmp.ts'
import { pingSome, pingWithoutLoss } from '#support/traffic.ts'

const MODULE = fileURLToPath(new URL('../../../dist/wire.js', import.meta.url))
const ADDRESSES = { a: ['192.0.2.1/24'], b: ['192.0.2.2/24'] }

const { own, left, right, directory } = freshQuietNamespaces('left', 'right')
let links: Cable[]

beforeEach(() => {
  links = []
})
afterEach(async () => {
  for (const link of links) {
    await link.close()
  }
})

async function join(options: CableOptions = {}): Promise<Cable> {
  const link = await openCable(`${left.name}/a`, `${right.name}/b`, {
    addresses: ADDRESSES,
    seed: 7,
    ...options,
  })
  links.push(link)
  return link
}

const interfaces = (netns: Netns) =>
  JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)
const macOf = (netns: Netns, name: string) => netns.ip(`-br link show ${name}`).split(/\s+/)[2]
const descriptors = () => readdirSync('/proc/self/fd').length

describe('a cable of vnet/wire', () => {
  test('a ping takes the delay of both directions, and the reports have its packets', async () => {
    const link = await join({ ab: [delay('20ms')], ba: [delay('30ms')] })
    const { shortest } = await pingWithoutLoss(left, '-c 3 -i 0.05 192.0.2.2')
    expect(shortest).toBeGreaterThanOrEqual(50)
    for (const [wire, time] of [
      [link.ab, 20],
      [link.ba, 30],
    ] as const) {
      const [stage] = wire.report()
      // Three pings, and ARP.
      expect(stage).toMatchObject({ stage: 'delay', text: `delay ${time}ms`, dropped: 0, held: 0 })
      expect(stage!.out).toBeGreaterThanOrEqual(4)
      expect(stage!.late!.p50).toBeGreaterThanOrEqual(0)
    }
  })

  test('the same seed loses the same packets, which the report counts', async () => {
    const lost: number[][] = []
    for (let i = 0; i < 2; i++) {
      const seen: number[] = []
      const note = impairment('note', undefined, (_, next) => ({
        push: skb => {
          seen.push(skb.packetId)
          next.push(skb)
        },
      }))
      const link = await join({ ab: [loss(0.3), note] })
      left.ip(`neigh add 192.0.2.2 lladdr ${macOf(right, 'b')} dev a`)
      right.ip(`neigh add 192.0.2.1 lladdr ${macOf(left, 'a')} dev b`)
      const before = snmp(left)['Icmp.InEchoReps'] ?? 0
      await pingSome(left, '-c 40 -i 0.002 -W 1 192.0.2.2')
      const received = () => (snmp(left)['Icmp.InEchoReps'] ?? 0) - before
      await expect.poll(() => link.ab.report()[0]!.dropped + received()).toBe(40)
      expect(link.ab.report()[0]!.drops).toEqual({ loss: 40 - received() })
      lost.push(seen)
      await link.close()
    }
    expect(lost[0]!.length).toBeLessThan(40)
    expect(lost[1]).toEqual(lost[0])
  })

  test('a change of stages is immediate and keeps packets in flight; no stages are a plain cable', async () => {
    const link = await join({ ab: [delay('300ms')] })
    const ping = left.run('ping -q -c 1 -W 30 192.0.2.2')
    while (link.ab.report()[0]!.held === 0) {
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    link.ab.set([])
    expect(link.ab.text).toBe('')
    // The ARP request in flight, its reply, and the ping without a delay.
    const { stdout } = await ping
    expect(stdout).toMatch(/ 0% packet loss/)
    expect(link.ab.report()).toEqual([])
    // Otherwise the kernel verifies the address after five seconds, and the request is lost too.
    right.ip(`neigh replace 192.0.2.1 lladdr ${macOf(left, 'a')} dev b`)
    link.ba.set([loss(1)])
    expect(await pingSome(left, '-c 2 -i 0.01 -W 0.2 192.0.2.2')).toBe(0)
    await expect.poll(() => link.ba.report()).toMatchObject([{ stage: 'loss', dropped: 2 }])
  })

  test('down() turns off the carrier of both ends, and up() restores it', async () => {
    const link = await join()
    link.down()
    await untilShown(own, left, 'a', hasNoCarrier)
    await untilShown(own, right, 'b', hasNoCarrier)
    expect(await pingSome(left, '-c 1 -W 0.2 192.0.2.2')).toBe(0)
    link.up()
    await untilShown(own, left, 'a', hasCarrier)
    await untilShown(own, right, 'b', hasCarrier)
    // By default the kernel drops the request if the address is not resolved in three seconds.
    left.exec('sysctl -qw net.ipv4.neigh.a.mcast_solicit=30')
    // The kernel may still hold the first request until it has resolved the address.
    expect((await left.run('ping -q -c 1 -W 30 192.0.2.2')).status).toBe(0)
  })

  test('a scenario runs in the time of the cable, and ends when it is aborted or the cable closed', async () => {
    const link = await join()
    const steps: string[] = []
    // The scenario's time starts before its first line runs.
    const start = Date.now()
    await link.run(async ({ at, after }) => {
      await at('20ms')
      link.ab.set([delay('1ms')])
      await after('10ms')
      steps.push(Date.now() - start >= 29 ? 'in time' : 'early')
    })
    expect([...steps, link.ab.text]).toEqual(['in time', 'delay 1ms'])
    const abort = new AbortController()
    const endless = async ({
      at,
      signal,
    }: {
      at(time: string): Promise<void>
      signal: AbortSignal
    }) => {
      steps.push(signal.aborted ? 'aborted' : 'begun')
      await at('3600s')
      steps.push('late')
    }
    const aborted = link.run(endless, abort.signal)
    abort.abort()
    await aborted
    const closed = link.run(endless)
    await link.close()
    await closed
    expect(steps).toEqual(['in time', 'begun', 'begun'])
    await expect(
      join().then(other => other.run(() => Promise.reject(new Error('mine')))),
    ).rejects.toThrow('mine')
  })

  test('close() deletes both interfaces and leaves no descriptor open', async () => {
    const log = new DecisionsFile(directory)
    // The process opens some descriptors once and keeps them.
    await (await join()).close()
    const before = descriptors()
    const link = await join({ ab: 'delay 3600s loss 0%', logFile: log.path })
    expect([interfaces(left), interfaces(right)]).toEqual([
      ['lo', 'a'],
      ['lo', 'b'],
    ])
    // The ARP request is in flight when the ping gives up.
    expect(await pingSome(left, '-c 1 -W 0.2 192.0.2.2')).toBe(0)
    await expect.poll(() => link.ab.report().some(({ held }) => held > 0)).toBe(true)
    await Promise.all([link.close(), link.close()])
    expect([interfaces(left), interfaces(right), descriptors()]).toEqual([['lo'], ['lo'], before])
    const decisions = log.read()
    expect(decisions.filter(({ verdict }) => verdict === 'set')).toMatchObject([
      { direction: 'ab', text: 'delay 3600s loss 0%', seed: 7 },
    ])
    expect(decisions.at(-1)).toMatchObject({ verdict: 'drop', why: 'closed' })
  })

  test('a cable that cannot be made leaves no interface and no descriptor', async () => {
    await (await join()).close()
    right.ip('link add taken type bridge')
    const before = descriptors()
    const a = `${left.name}/a`
    for (const [b, options, message] of [
      ['b', { ab: 'delay fast' }, /delay fast/],
      ['b', { ba: 'los 1%' }, /'los' .*loss/],
      ['b', { logFile: '/nowhere/decisions' }, /\/nowhere\/decisions/],
      ['b', { addresses: { a: ['192.0.2.1/24'], b: ['192.0.2.300/24'] } }, /192\.0\.2\.300/],
      ['taken', {}, /taken/],
      ['far too long a name', {}, /far too long a name/],
    ] as const) {
      await expect(openCable(a, `${right.name}/${b}`, options)).rejects.toThrow(message)
      expect([interfaces(left), interfaces(right), descriptors()]).toEqual([
        ['lo'],
        ['lo', 'taken'],
        before,
      ])
    }
    await expect(openCable(a, 'vnet-no-such/b')).rejects.toThrow(/vnet-no-such/)
    await expect(openCable(a, `${right.name}/b`, { ab: 'delay fast' })).rejects.toBeInstanceOf(
      UsageError,
    )
    expect([interfaces(left), descriptors()]).toEqual([['lo'], before])
  })
})

describe('a process', () => {
  /** Runs a program that imports vnet/wire. */
  async function program(code: string, within: readonly string[] = []) {
    const text = `import { delay, openCable } from ${JSON.stringify(MODULE)}\n${code}`
    const [command = '', ...args] = [...within, process.execPath, '--input-type=module', '-e', text]
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const printed = { stdout: '', stderr: '' }
    for (const stream of ['stdout', 'stderr'] as const) {
      child[stream].setEncoding('utf8').on('data', text => {
        printed[stream] += text
      })
    }
    const [status] = await once(child, 'close')
    return { status, ...printed }
  }

  test('a process ends by itself after close(), also with a scenario and packets in flight', async () => {
    const ended = await program(`
      const link = await openCable('${left.name}/a', '${right.name}/b', { ab: [delay('3600s')] })
      link.run(({ at }) => at('3600s'))
      await link.close()
      console.log('closed')
    `)
    expect(ended).toEqual({ status: 0, stdout: 'closed\n', stderr: '' })
  })

  test('a process without the right to make interfaces gets an error that names it, and ends', async () => {
    const code = `
      const failed = await openCable('a', 'b').catch(error => error)
      console.log(failed.name, failed.message)
    `
    const ended = await program(code, asNobodyIn(left))
    expect(ended).toMatchObject({ status: 0, stderr: '' })
    expect(ended.stdout).toMatch(/^VnetError .*E(PERM|ACCES)/)
    expect(interfaces(left)).toEqual(['lo'])
  })
})
