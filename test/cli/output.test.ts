/** The output of a run, as text and as JSON. */
import { expect, test } from 'vitest'
import { LOGLEVEL_DEBUG, LOGLEVEL_ERR, LOGLEVEL_INFO, LOGLEVEL_WARNING } from '#src/base/log.ts'
import { jsonOutput, textOutput } from '#src/cli/output.ts'
import type { Plan } from '#src/cli/plan.ts'
import { statisticsOf } from '#src/cli/statistics.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { NETIF_F_ALL_TAP, NETIF_F_HW_CSUM } from '#src/netdev/if.ts'
import { NetDevice } from '#src/netdev/net-device.ts'

const driver = defineDriver({
  name: 'loop',
  description: '',
  params: {},
  flips: true,
  init: () => [],
})
const plain = defineDriver({ name: 'cable', description: '', params: {}, init: () => [] })

function plan(
  name: string,
  addresses: string[],
  { netns = undefined as string | undefined, features = 0 } = {},
): Plan {
  const dev = new NetDevice(name, 4, 2, undefined)
  dev.devAddr.set([2, 0, 0, 0, 0, 0xab])
  dev.ifindex = 7
  dev.features = features
  return { dev, netns, addresses, explicit: {} }
}

function texts() {
  const text = { out: '', err: '' }
  const io = {
    out(more: string) {
      text.out += more
    },
    err(more: string) {
      text.err += more
    },
    onEnd: () => () => {},
  }
  return { io, text }
}

test('ready prints a line for each interface, commands to try, and the word ready', () => {
  const { io, text } = texts()
  const there = plan('vnet0', ['198.18.0.1/24', '198.18.1.2/24'], { features: NETIF_F_ALL_TAP })
  textOutput(io, false).ready([there], driver)
  expect(text).toEqual({
    out: `\
vnet0: 4 tx 2 rx queues, mtu 1500, 02:00:00:00:00:ab, 198.18.0.1/24 198.18.1.2/24, offloads csum tso4 tso6 uso
try: ping 198.18.1.1
try: ping 198.18.0.2
try: tcpdump -ni vnet0
ready
`,
    err: '',
  })
})

test('vnet without arguments first says what it made, and how to see the other commands', () => {
  const { io, text } = texts()
  textOutput({ ...io, commandLine: 'vnet' }, false).ready([plan('vnet0', [])], driver)
  expect(text.out).toMatch(
    /^made vnet0 with the driver loop; other commands: vnet --help\nvnet0: 4 tx/,
  )
})

test('an interface in another namespace is shown with it, and the proposed commands enter it', () => {
  const { io, text } = texts()
  const plans = [
    plan('sn0', ['2001:db8::1/64'], { netns: 'red' }),
    plan('sn1', [], { netns: '/proc/7/ns/net' }),
  ]
  textOutput(io, false).ready(plans, driver)
  expect(text.out).toBe(`\
sn0: 4 tx 2 rx queues, mtu 1500, 02:00:00:00:00:ab, netns red, 2001:db8::1/64, offloads off
sn1: 4 tx 2 rx queues, mtu 1500, 02:00:00:00:00:ab, netns /proc/7/ns/net, no addresses, offloads off
try: nsenter --net=/proc/7/ns/net tcpdump -ni sn1
ready
`)
})

test('a ping is proposed for each far end within one of the networks, in the namespace of that network', () => {
  const { io, text } = texts()
  const plans = [
    plan('sn0', ['198.18.0.1/24'], { netns: 'red' }),
    plan('sn1', ['198.18.1.2/24'], { netns: 'blue' }),
  ]
  textOutput(io, false).ready(plans, driver)
  expect(text.out).toContain('try: ip netns exec blue ping 198.18.1.1\n')
  expect(text.out).toContain('try: ip netns exec red ping 198.18.0.2\n')
})

test('a driver without a far end proposes no ping', () => {
  const { io, text } = texts()
  textOutput(io, false).ready([plan('a', ['198.18.0.1/24', '198.18.1.2/24'])], plain)
  expect(text.out).not.toContain('ping')
})

test('log lines go to stderr, apart from the output', () => {
  const { io, text } = texts()
  textOutput(io, false).log(LOGLEVEL_INFO, 'vnet0: device opened')
  expect(text).toEqual({ out: '', err: 'vnet0: device opened\n' })
})

test('quiet text output is only the word ready', () => {
  const { io, text } = texts()
  const output = textOutput(io, true)
  output.ready([plan('vnet0', [])], driver)
  output.statistics([])
  expect(text).toEqual({ out: 'ready\n', err: '' })
})

test('JSON output is one object per line', () => {
  const { io, text } = texts()
  const output = jsonOutput(io, false)
  for (const level of [LOGLEVEL_ERR, LOGLEVEL_WARNING, LOGLEVEL_INFO, LOGLEVEL_DEBUG]) {
    output.log(level, `at ${level}`)
  }
  output.ready(
    [plan('vnet0', ['198.18.0.1/24'], { netns: 'red', features: NETIF_F_HW_CSUM }), plan('b', [])],
    driver,
  )
  output.statistics([])
  expect(text.err).toBe('')
  const time = expect.any(Number)
  const common = { ifindex: 7, mac: '02:00:00:00:00:ab', mtu: 1500, txqs: 4, rxqs: 2 }
  expect(
    text.out
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line)),
  ).toEqual([
    { event: 'log', time, level: 'error', message: 'at 3' },
    { event: 'log', time, level: 'warning', message: 'at 4' },
    { event: 'log', time, level: 'info', message: 'at 6' },
    { event: 'log', time, level: 'debug', message: 'at 7' },
    {
      event: 'ready',
      interfaces: [
        {
          name: 'vnet0',
          netns: 'red',
          addresses: ['198.18.0.1/24'],
          offloads: ['csum'],
          ...common,
        },
        { name: 'b', netns: null, addresses: [], offloads: [], ...common },
      ],
    },
    { event: 'statistics', interfaces: [] },
  ])
})

test('a log line in JSON has the time in milliseconds since 1970', () => {
  const { io, text } = texts()
  const before = Date.now()
  jsonOutput(io, false).log(LOGLEVEL_INFO, 'vnet0: device opened')
  const { time } = JSON.parse(text.out)
  expect(time).toBeGreaterThanOrEqual(before)
  expect(time).toBeLessThanOrEqual(Date.now())
})

test('JSON statistics have null for the own namespace, and for the counts of the kernel where they are unknown', () => {
  const { io, text } = texts()
  jsonOutput(io, false).statistics([statisticsOf(plan('a', []).dev, undefined, 5)])
  expect(JSON.parse(text.out)).toMatchObject({
    interfaces: [{ name: 'a', netns: null, time: 5, kernel: null }],
  })
})

test('quiet JSON output is only the ready line', () => {
  const { io, text } = texts()
  const output = jsonOutput(io, true)
  output.ready([], driver)
  output.statistics([])
  expect(text.out).toBe('{"event":"ready","interfaces":[]}\n')
})
