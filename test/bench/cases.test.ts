import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { cases } from '../../bench/cases.mjs'
import { METRICS } from '../../bench/metrics.mjs'
import { STEPS } from '../../bench/steps.mjs'
import { Topology } from '../../bench/topology.mjs'
import { parseLanConfig } from '../../packages/lan/src/config/config.ts'

// biome-ignore lint/suspicious/noExplicitAny: the bench is JavaScript.
const table: Record<string, any> = cases()
const all = Object.entries(table).flatMap(([kase, { candidates }]) =>
  // biome-ignore lint/suspicious/noExplicitAny: as above.
  Object.entries<any>(candidates).map(([name, candidate]) => ({
    kase,
    name,
    candidate,
    siblings: candidates,
  })),
)

describe('the tables of the bench', () => {
  test('every candidate is compared with another of the same case', () => {
    for (const { candidate, siblings } of all) {
      if (candidate.like) {
        expect(siblings).toHaveProperty([candidate.like])
      }
    }
  })

  test('every metric of a case exists and is measured by a step or by the sample', () => {
    for (const { metrics, more } of Object.values(table)) {
      for (const metric of [...metrics, ...more]) {
        expect(METRICS).toHaveProperty([metric])
        expect([...Object.keys(STEPS), 'start', 'end']).toContain(
          METRICS[metric as keyof typeof METRICS].step,
        )
      }
    }
  })

  test('every command makes all interfaces of its topology', () => {
    for (const { kase, candidate } of all.filter(
      ({ candidate }) => candidate.command && !candidate.bare,
    )) {
      const shape =
        ['snull', 'loop', 'lan', 'strangers'].find(name => name === kase.replace('-long', '')) ??
        'cable'
      const net = new Topology(shape, 'tag', candidate.pairs)
      const words = candidate.command(net).join(' ')
      for (const { a, b } of net.pairs) {
        for (const { name } of candidate.attaches ? [a] : [a, b]) {
          expect(words).toContain(name)
        }
      }
    }
  })

  test('every metric that a candidate is limited to is one of its case', () => {
    for (const { kase, candidate } of all) {
      const { metrics, more } = table[kase]
      for (const metric of candidate.metrics ?? []) {
        expect([...metrics, ...more]).toContain(metric)
      }
    }
  })

  test('a metric that is a difference names two metrics of the same step', () => {
    for (const { step, over } of Object.values<{ step: string; over?: string[] }>(METRICS)) {
      for (const name of over ?? []) {
        expect(METRICS[name as keyof typeof METRICS].step).toBe(step)
      }
    }
  })

  test('a wire and the C program that it is compared with have the same delay, limit and metrics', () => {
    const net = new Topology('cable', 'tag')
    const { candidates } = table.wire
    for (const [name, microseconds, words] of [
      ['delay', '10000', 'delay 10ms limit 100000'],
      ['packets', '1000', 'delay 1ms limit 10000'],
      ['held', '1000000', 'delay 1s limit 200000'],
    ] as const) {
      const c = candidates[candidates[name].like]
      expect(candidates[name].command(net)).toContain(words)
      expect(c.command(net).at(-1)).toBe(microseconds)
      expect(c.command(net).join(' ')).toContain(words.match(/limit .*/)![0])
      expect(c.metrics).toEqual(candidates[name].metrics)
      expect([c.askedUs, c.slow]).toEqual([candidates[name].askedUs, candidates[name].slow])
    }
  })

  test('vnet and C have the number of cables and queues in their names', () => {
    const pairs = Object.entries<{ pairs: number }>(table.cables.candidates).map(
      ([name, { pairs }]) => `${name} ${pairs}`,
    )
    expect(pairs).toContain('vnet/8 8')
    expect(pairs).toContain('relay-offload/2 2')
    const net = new Topology('cable', 'tag')
    expect(table.queues.candidates['vnet/4'].command(net).join(' ')).toContain('--txqs 4 --rxqs 4')
    expect(table.queues.candidates['relay-offload/4'].command(net).join(' ')).toContain(
      '--queues 4',
    )
  })
})

describe('attacks by untrusted senders', () => {
  const net = new Topology('strangers', 'tag')
  // biome-ignore lint/suspicious/noExplicitAny: the bench is JavaScript.
  const attacks = Object.entries<any>(table.strangers.candidates).filter(
    ([name, { ours }]) => ours && !name.endsWith('-idle'),
  )

  test('an attack is compared with the same vnet while the flood has another target', () => {
    for (const [name, { like, command, stranger }] of attacks) {
      const idle = table.strangers.candidates[like]
      expect(like).toBe(`${name}-idle`)
      expect(idle.like).toBe(like)
      expect(idle.command(net)).toEqual(command(net))
      expect(idle.stranger.bystander(net)).toEqual(stranger.bystander(net))
      // The control socket exists only while a vnet runs.
      if (!['requests', 'deaf', 'captures'].includes(name)) {
        expect(idle.stranger.flood(net).slice(0, 2)).toEqual(
          stranger.flood(net, { pid: 1 }).slice(0, 2),
        )
      }
    }
  })

  test('attacks use the segment that their frames are made for', () => {
    const file = (name: string) =>
      readFileSync(new URL(`../../bench/${name}`, import.meta.url), 'utf8')
    const { gateway, hosts, dhcp } = parseLanConfig(file('strangers.yaml'))
    const define = (name: string) =>
      new RegExp(`define ${name} "(.*)"`).exec(file('traffic/frames.h'))![1]
    expect(gateway.ip).toBe(define('GATEWAY_IP'))
    expect(hosts.slice(0, 2).map(({ ip }) => ip)).toEqual([
      define('ECHO_A_IP'),
      define('ECHO_B_IP'),
    ])
    expect(JSON.stringify(dhcp?.ranges)).toContain(`"${define('CLIENT_IP')}-`)
  })
})

test('a topology has a network for each pair, and only valid interface names', () => {
  const { pairs } = new Topology('cable', 'tag', 8)
  expect(new Set(pairs.map(({ source }: { source: string }) => source)).size).toBe(8)
  for (const { a, b } of pairs) {
    expect(Math.max(a.name.length, b.name.length)).toBeLessThan(16)
  }
})
