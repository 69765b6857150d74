/** Long transfers, and the steps of a frame, in the world of the playground. */
import { describe, expect, test } from 'vitest'
import { cable, snull } from '#src/drivers/index.ts'
import type { Message } from '../../web/src/feed-types.ts'
import { packetsIn, start } from './support/playground-world.ts'

describe('a wire', () => {
  test('loses segments of a transfer, which are sent again', async () => {
    const { world, told, run } = await start(cable, { wire: 'loss 5% delay 20ms' })
    world.send('tcp')
    run(60_000)
    expect(told).toEqual([
      expect.stringMatching(/^tcp: 200,000 bytes in [\d.]+ m?s, [1-9]\d* segments? sent again$/),
    ])
  })

  test('that is slow lets the progress of a transfer be seen', async () => {
    const { world, told, run } = await start(cable, { wire: 'rate 64kbit' })
    world.send('tcp')
    run(60_000)
    expect(told.slice(0, 2)).toEqual([
      expect.stringMatching(/^tcp: \d\d,\d{3} of 200,000 bytes after 10 s$/),
      expect.stringMatching(/^tcp: 1\d\d,\d{3} of 200,000 bytes after 20 s$/),
    ])
    expect(told.at(-1)).toMatch(/^tcp: 200,000 bytes in 2\d[.\d]* s, /)
    expect(told).toHaveLength(3)
  })

  test('with the same seed gives the same lines', async () => {
    const runs = [7, 7, 8].map(async seed => {
      const { world, told, run } = await start(cable, { wire: 'loss 20% delay 20ms 5ms', seed })
      for (const what of ['ping', 'udp', 'tcp'] as const) {
        world.send(what)
      }
      run(120_000)
      return told
    })
    const [one, same, other] = await Promise.all(runs)
    expect(one).toHaveLength(3)
    expect(same).toEqual(one)
    expect(other).not.toEqual(one)
  })
})

describe('the page', () => {
  test('single-steps a frame, and lets all continue', async () => {
    const { world, all, told, run } = await start(snull)
    world.command('1//sn0', { do: 'step', mode: 'on' })
    world.send('ping')
    run(100)
    const last = () => all('step').at(-1) as Message<'step'>
    const steps: [id: string | undefined, number: number | undefined, next: string | undefined][] =
      []
    const texts: (string | undefined)[] = []
    for (let i = 0; i < 6; i++) {
      const { step } = last()
      steps.push([step?.id, step?.step, step?.next])
      texts.push(step?.frame?.text)
      world.command('1//sn0', { do: 'step', mode: 'next' })
    }
    expect(steps.slice(0, 2)).toEqual([
      ['1//sn0', 1, 'read'],
      ['1//sn0', 2, 'ndoStartXmit'],
    ])
    expect(steps.map(([, number]) => number)).toContain(5)
    expect(texts[1]).toContain('ICMP echo request')
    expect(told).toEqual([])
    world.command('1//sn0', { do: 'step', mode: 'off' })
    run(3000)
    expect(last()).toMatchObject({ mode: 'off', step: undefined })
    expect(told).toEqual([expect.stringMatching(/^ping 198\.18\.0\.2: 5 sent, 5 received, /)])
  })

  test('gets a sample of many flights, and the parts ten times a second', async () => {
    const { world, sent, all, run } = await start(cable)
    world.flow(1000)
    run(2100)
    const flights = all('flights').filter(({ id }) => id === '1//a')
    for (const { frames } of flights) {
      expect(frames.length).toBeLessThanOrEqual(40)
    }
    expect(flights.flatMap(({ frames }) => frames).length).toBeGreaterThan(100)
    expect(all('stats').at(-1)?.devices[0]?.txPackets).toBeGreaterThan(390)
    expect(all('stats').at(-1)?.devices[0]?.txPackets).toBeLessThan(410)
    expect(all('parts').filter(({ id }) => id === '1//a').length).toBeGreaterThanOrEqual(20)
    expect(sent.length).toBeLessThan(150)
  })

  test('gets the latest frames of a long run as a capture', async () => {
    const { world, run } = await start(cable)
    for (let i = 0; i < 30; i++) {
      world.send('tcp')
      run(16)
    }
    const file = world.capture()
    expect(file.length).toBeLessThan(8 << 20)
    const packets = packetsIn(file)
    expect(packets.length).toBeGreaterThan(1000)
    expect(new Set(packets.map(({ interfaceName }) => interfaceName))).toEqual(new Set(['a', 'b']))
  })
})
