/**
 * Injected faults of snull's hardware: the kernel's own tools show each, it is counted, and every
 * frame is accounted for.
 */
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { sentPackets } from '#support/shown-link.ts'
import { tcpExchange } from '#support/sockets.ts'
import { farEnd, lines, nearEnd, pingSome, pingWithoutLoss } from '#support/traffic.ts'
import { jsonLines, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const { netns } = freshQuietNamespaces('netns')

const start = (...args: string[]) => startVnet(['snull', '--netns', netns.name, '--json', ...args])

const messages = ({ stdout }: Running) => jsonLines(stdout).map(({ message }) => message)
const nothingLost = { tx: {}, rx: {} }

describe.each([
  ['by interrupt', []],
  ['by poll', ['--use-napi']],
] as const)('with completion %s', (_, completion) => {
  test('--stuck keeps a frame in the transmitter until the timeout, and sends it before later ones', async () => {
    const vnet = await start('--stuck', '10', '--timeout', '200', ...completion)
    await pingWithoutLoss(netns, '-c 25 -i 0.03 198.18.0.2')
    const { sn0, sn1 } = await stopConserved(vnet)
    // By vnet's clock: ping does not wait for a reply that is later than others.
    const waited = messages(vnet).flatMap(
      text => /timed out after (\d+) ms$/.exec(`${text}`)?.[1] ?? [],
    )
    expect(waited).not.toEqual([])
    for (const ms of waited) {
      expect(Number(ms)).toBeGreaterThanOrEqual(200)
    }
    for (const { total, drops } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 25, rxPackets: 25, txErrors: 2 })
      expect(drops).toEqual(nothingLost)
    }
  })

  test('--stuck: TCP loses nothing', async () => {
    const vnet = await start('--stuck', '50', '--timeout', '5', '--no-offload', ...completion)
    const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), 1 << 20)
    expect(received).toEqual(sent)
    const { sn0, sn1 } = await stopConserved(vnet)
    expect(sn0!.total.txErrors + sn1!.total.txErrors).toBeGreaterThan(0)
  })

  test('--stuck: a frame that is stuck when the link goes down is dropped and counted', async () => {
    const vnet = await start('--stuck', '3', '--timeout', '600000', ...completion)
    await netns.run('ping -q -c 3 -i 0.002 198.18.0.2')
    // ping may end before vnet has read the last request.
    await expect.poll(() => sentPackets(netns, 'sn0')).toBe(3)
    await netns.run('ip link set sn0 down')
    const { sn0 } = await stopConserved(vnet)
    expect(sn0!.total.txPackets).toBe(3)
    expect(sn0!.drops.tx).toEqual({ DEV_STOPPED: 1 })
  })

  test('--spurious: a spurious interrupt does nothing, and is counted', async () => {
    const vnet = await start('--spurious', '5', '-v', ...completion)
    // One after the other: frames that are sent together share an interrupt.
    for (let i = 0; i < 12; i++) {
      await pingWithoutLoss(netns, '-c 1 198.18.0.2')
    }
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total, drops } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 12, rxPackets: 12, txErrors: 0 })
      expect(drops).toEqual(nothingLost)
    }
    // Two of frames that arrive together are one.
    for (const name of ['sn0', 'sn1']) {
      expect(messages(vnet)).toContainEqual(
        expect.stringMatching(`^${name}: \\d+ interrupts, [12] of them spurious$`),
      )
    }
  })

  test('--lowmem: a frame without memory is dropped by the receiver and logged', async () => {
    const vnet = await start('--lowmem', '5', ...completion)
    // Every fifth of 20 requests, then of the 16 returns.
    await pingWithoutLoss(netns, '-c 20 -i 0.03 198.18.0.2', 13)
    for (const name of ['sn0', 'sn1']) {
      await vnet.line(new RegExp(`${name}: rx: low on mem - packet dropped`))
    }
    const { sn0, sn1 } = await stopConserved(vnet)
    expect(sn1).toMatchObject({
      total: { rxPackets: 16, rxDropped: 4 },
      drops: { tx: {}, rx: { NOMEM: 4 } },
    })
    expect(sn0).toMatchObject({
      total: { rxPackets: 13, rxDropped: 3 },
      drops: { tx: {}, rx: { NOMEM: 3 } },
    })
  })

  test('--lowmem: TCP loses nothing', async () => {
    const vnet = await start('--lowmem', '50', '--no-offload', ...completion)
    const { sent, received } = await tcpExchange(nearEnd(netns), farEnd(netns), 1 << 20)
    expect(received).toEqual(sent)
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total, drops } of [sn0!, sn1!]) {
      expect(total.rxDropped).toBeGreaterThan(5)
      expect(drops.rx).toEqual({ NOMEM: total.rxDropped })
    }
  })
})

describe('--flap', () => {
  test('--flap turns the carrier off and on, and the kernel follows', async () => {
    const monitor = lines(netns.spawn('ip monitor link'))
    // A fault every 2 s, the interval in the help, is seen each time.
    const vnet = await start('--flap', '2000')
    for (let i = 0; i < 2; i++) {
      await monitor.until(/sn0: <NO-CARRIER,.* state DOWN/)
      await monitor.until(/sn0: <.*LOWER_UP.* state UP/)
    }
    while ((await pingSome(netns, '-c 1 -W 1 198.18.0.2')) === 0) {}
    await stopConserved(vnet)
  })

  test('--flap ends with the carrier on when the link goes down', async () => {
    const monitor = lines(netns.spawn('ip monitor link'))
    const vnet = await start('--flap', '4000')
    await monitor.until(/sn0: <NO-CARRIER,.* state DOWN/)
    await netns.run('ip link set sn0 down')
    await vnet.line(/sn0: device closed/)
    await netns.run('ip link set sn0 up')
    expect(netns.exec('cat /sys/class/net/sn0/carrier')).toBe('1\n')
    await netns.run('ip link del sn0')
    await vnet.line(/sn0: interface was deleted from outside/)
    await stopConserved(vnet)
  })
})

describe('--drop', () => {
  test.each([
    // What each other reason moves is in statistics-fields.test.ts.
    ['RX_CRC', 'sn1', { rxErrors: 4, rxCrcErrors: 4, rxDropped: 0 }],
    ['FULL_RING', 'sn1', { rxErrors: 0, rxMissedErrors: 4, rxDropped: 0 }],
    ['tx_window', 'sn0', { txErrors: 4, txWindowErrors: 4, txDropped: 0 }],
  ] as const)(
    '--drop %s=5 drops every fifth frame and counts it at %s',
    async (reason, name, fields) => {
      const vnet = await start('--drop', `${reason}=5`)
      await pingWithoutLoss(netns, '-c 20 -i 0.03 198.18.0.2', 13)
      const statistics = await stopConserved(vnet)
      expect(statistics[name]!.total).toMatchObject(fields)
      const side = name === 'sn0' ? 'tx' : 'rx'
      expect(statistics[name]!.drops).toEqual({
        ...nothingLost,
        [side]: { [reason.toUpperCase()]: 4 },
      })
    },
  )

  test.each([
    '',
    'RX_CRC',
    'RX_CRC=',
    'RX_CRC=0',
    'RX_CRC=-1',
    'RX_CRC=1.5',
    'NO_SUCH=3',
    '=3',
    'NOT_DROPPED_YET=3',
  ])("'%s' is refused in one line", async text => {
    const { status, stdout, stderr } = await runMain(
      'snull',
      '--netns',
      netns.name,
      `--drop=${text}`,
    )
    expect([status, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(/^vnet: .*--drop.*REASON=N.*RX_CRC.*\n$/)
  })
})
