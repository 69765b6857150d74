import { expect, test } from 'vitest'
import type { Explained, Live } from '../src/exercise.ts'
import { verifyDownAndUp, verifyNothingLost, verifyUsed } from '../src/observe.ts'

/** Returns a Live whose driver counts the given frames, and the programs that it has run. */
function liveWith({ txPackets = 0, rxPackets = 0, received = 0 }): { live: Live; calls: string[] } {
  const calls: string[] = []
  // The counters of the driver say nothing.
  const total = { txPackets: 1000, rxPackets: 1000 }
  const counters = { tx: { packets: txPackets }, rx: { packets: rxPackets } }
  const links = [
    { ifname: 'lo', stats64: { tx: { packets: 7 }, rx: { packets: 8 } } },
    { ifname: 'ring0', stats64: counters },
  ]
  const live: Live = {
    async vnet(...args) {
      calls.push(['vnet', ...args].join(' '))
      return {
        interfaces: ['ring0'],
        log: [],
        stop: async () => [{ name: 'ring0', total, queues: [], drops: { tx: {}, rx: {} } }],
      }
    },
    async run(program, ...args) {
      calls.push([program, ...args].join(' '))
      const status = program === 'ping' && received === 0 ? 1 : 0
      return { status, stdout: args[0] === '-s' ? JSON.stringify(links) : '', stderr: '' }
    },
  }
  return { live, calls }
}

const failureOf = (check: Promise<unknown>) =>
  check.then(
    () => undefined,
    error => (error as Explained).explanation,
  )

test('nothing is lost if the driver received all frames of all pings, and of one more', async () => {
  const { live, calls } = liveWith({ txPackets: 42, rxPackets: 42 })
  await verifyNothingLost(live, ['--slots', '2'], { count: 20, interval: '0.02' })
  expect(calls).toEqual([
    'vnet --slots 2',
    'ping -q -i 0.02 -c 20 -W 2 198.18.0.9',
    'ping -c 1 -W 10 198.18.0.9',
    'ip -s -j link show',
  ])
})

test.each([
  ['a frame that was not received', { txPackets: 42, rxPackets: 41 }],
  ['fewer frames than the pings need', { txPackets: 41, rxPackets: 41 }],
])('verifyNothingLost fails for %s', async (_, counts) => {
  const { txPackets, rxPackets } = counts
  expect(
    await failureOf(
      verifyNothingLost(liveWith(counts).live, [], { count: 20, because: 'it waits' }),
    ),
  ).toEqual({
    seen: `20 pings, and one more: ${txPackets} frames transmitted, ${rxPackets} received`,
    expected: '42 at least, and all of them received: it waits',
  })
})

test('several targets are pinged together, each once more at the end, in a flood without an interval', async () => {
  const { live, calls } = liveWith({ txPackets: 11, rxPackets: 11 })
  const targets = ['198.18.0.7', '198.18.0.8']
  expect(await failureOf(verifyNothingLost(live, [], { count: 2, targets }))).toMatchObject({
    seen: '2 times 2 pings, and one more: 11 frames transmitted, 11 received',
    expected: expect.stringMatching(/^12 at least/),
  })
  const flood = targets.map(to => `ping -q -f -c 2 -W 2 ${to}`)
  expect(calls.slice(0, -1)).toEqual([
    'vnet',
    ...flood,
    ...targets.map(to => `ping -c 1 -W 10 ${to}`),
  ])
})

test('verifyDownAndUp takes the interface down and up as often as asked, and needs a reply afterwards', async () => {
  const { live, calls } = liveWith({ received: 1 })
  await verifyDownAndUp(live, ['--delay', '10'], 2)
  const changes = ['ip link set ring0 down', 'ip link set ring0 up']
  const [start, during, ...rest] = calls
  expect([start, during]).toEqual(['vnet --delay 10', 'ping -q -c 100 -i 0.01 -W 1 198.18.0.9'])
  expect(rest).toEqual([...changes, ...changes, 'ping -q -c 1 -i 0.2 -w 10 198.18.0.9'])
  const without = liveWith({ received: 0 })
  expect(await failureOf(verifyDownAndUp(without.live))).toEqual({
    seen: 'ip link set ring0 down, then up, then ping: no reply for 10 s',
    expected: 'replies',
  })
  expect(without.calls).toEqual(['vnet', ...changes, 'ping -q -c 1 -i 0.2 -w 10 198.18.0.9'])
})

test.each([
  ['an interrupt that was taken', [{ kind: 'irq', count: 6 }], undefined],
  [
    'an interrupt that was not taken',
    [{ kind: 'irq', count: 0 }],
    '3 pings; vnet show ring0: irq used 0 times',
  ],
  ['another part', [{ kind: 'napi', count: 6 }], '3 pings; vnet show ring0: no irq'],
])('verifyUsed looks for %s', async (_, parts, seen) => {
  const { live } = liveWith({})
  const run: Live['run'] = async () => ({
    status: 0,
    stdout: JSON.stringify({ parts }),
    stderr: '',
  })
  expect((await failureOf(verifyUsed({ ...live, run }, [], 'irq')))?.seen).toBe(seen)
})
