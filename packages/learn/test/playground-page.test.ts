/** Wires and commands in the world of the playground, and the messages to its page. */

import { describe, expect, test } from 'vitest'
import { cable, loop, snull } from '#src/drivers/index.ts'
import { dropText } from '#src/netdev/frame-drop.ts'
import type { DeviceCounters, Message } from '../../web/src/feed-types.ts'
import { packetsIn, start } from './support/playground-world.ts'

const LOSS = 'wire ab, stage 1 loss 40%'

describe('a wire', () => {
  test('drops frames, with the reason in rows of frames and flights, and in the capture', async () => {
    const { world, all, run } = await start(cable)
    world.send('ping')
    run(1000)
    world.command('1//a', { do: 'wire', text: 'loss 40% delay 5ms' })
    world.flow(100)
    run(1000)
    world.flow(0)
    run(1100)
    const frames = all('frames').flatMap(({ frames }) => frames)
    const flights = all('flights').flatMap(({ frames }) => frames)
    const dropped = frames.filter(({ dropped = '' }) => dropped.startsWith(LOSS))
    expect(dropped.length).toBeGreaterThan(20)
    expect(flights.flatMap(({ dropped }) => dropped ?? [])).toContainEqual({
      text: LOSS,
      stage: { place: 1, text: 'loss 40%' },
    })
    const packets = packetsIn(world.capture())
    expect(
      packets.filter(({ drop }) => drop !== undefined && dropText(drop) === LOSS),
    ).toHaveLength(dropped.length)
    expect(all('wire').at(-1)?.wire).toMatchObject({
      text: { ab: 'loss 40% delay 5ms', ba: 'loss 40% delay 5ms' },
      outgoing: 'ba',
      stages: [{ stage: 'loss' }, { stage: 'delay' }, { stage: 'loss' }, { stage: 'delay' }],
    })
    const { devices } = all('stats').at(-1) as Message<'stats'>
    const [a, b] = devices as [DeviceCounters, DeviceCounters]
    expect(a.txPackets).toBe(b.rxPackets + dropped.length)
    expect(a.drops.tx).toEqual({ WIRE_LOSS: dropped.length })
    const { in: entered, made, out, dropped: lost, held } = world.bed.balance()
    expect(entered + made).toBe(out + lost + held)
  })

  test('that is wrong at the start is refused with the text and its mistake', async () => {
    await expect(start(cable, { wire: 'loss 5% dilay 20ms' })).rejects.toThrow(
      /^--wire: .*dilay.*\n +loss 5% dilay 20ms\n +\^+/,
    )
  })

  test('of a driver that has none is left out, without a line', async () => {
    const { told } = await start(loop, { wire: 'loss 5%' })
    expect(told).toEqual([])
  })

  test('is replaced while frames pass, and a wrong text is refused in three lines', async () => {
    const { world, all } = await start(cable)
    const text = 'delay 20ms rate 1mbit'
    expect(world.command('1//a', { do: 'wire', text, direction: 'ab' })).toEqual({ ok: true })
    expect(all('wire').findLast(({ id }) => id === '1//a')?.wire?.text).toEqual({
      ab: text,
      ba: '',
    })
    expect(all('event').map(({ id, event }) => [id, event.event, event.text])).toEqual([
      ['1//a', 'wire', text],
      ['1//b', 'wire', text],
    ])
    for (const command of ['wire', 'check-wire'] as const) {
      const refused = world.command('1//a', { do: command, text: 'delay 20 parsecs' }) as {
        readonly message: string
      }
      expect(refused).toMatchObject({ ok: false })
      expect(refused.message.split('\n')).toEqual([
        expect.any(String),
        expect.stringContaining('20 parsecs'),
        expect.stringContaining('^'),
      ])
    }
    expect(world.command('1//a', { do: 'check-wire', text: "match 'udp' ( loss 1% )" })).toEqual({
      ok: true,
    })
    expect(world.command('1//a', { do: 'wire', text: undefined })).toEqual({ ok: true })
    expect(all('wire').at(-1)?.wire?.text).toEqual({ ab: '', ba: '' })
  })
})

describe('the page', () => {
  test('cuts the cable, so that the carrier is lost, and plugs it in again', async () => {
    const { world, all, told, until } = await start(cable)
    const carriers = () =>
      all('hello')
        .at(-1)
        ?.vnets.flatMap(({ devices }) => devices.map(({ carrier }) => carrier))
    world.command('1//a', { do: 'cut' })
    expect(carriers()).toEqual([false, false])
    world.send('ping')
    until(() => told.length === 1, 4000)
    world.command('1//b', { do: 'plug' })
    expect(carriers()).toEqual([true, true])
    world.send('ping')
    until(() => told.length === 2, 4000)
    expect(told.map(line => line.replace(/, average round trip [\d.]+ ms$/, ''))).toEqual([
      'ping 198.18.0.2: 5 sent, 0 received',
      'ping 198.18.0.2: 5 sent, 5 received',
    ])
  })

  test('stops the first frame, and lets all continue', async () => {
    const { world, all, told, run, until } = await start(snull)
    world.command('1//sn0', { do: 'step', mode: 'on' })
    world.send('ping')
    run(100)
    const last = () => all('step').at(-1) as Message<'step'>
    expect(last().step).toMatchObject({ id: '1//sn0', step: 1, next: 'read' })
    expect(told).toEqual([])
    world.command('1//sn0', { do: 'step', mode: 'off' })
    until(() => told.length > 0, 3000)
    expect(last()).toMatchObject({ mode: 'off', step: undefined })
    expect(told).toEqual([expect.stringMatching(/^ping 198\.18\.0\.2: 5 sent, 5 received, /)])
  })

  test('changes a parameter, and is refused a fixed one, an unknown device, and a wire without one', async () => {
    const { world, all } = await start(snull)
    expect(world.command('1//sn0', { do: 'param', name: 'lockup', value: '3' })).toEqual({
      ok: true,
    })
    expect(all('params').at(-1)?.params).toContainEqual(
      expect.objectContaining({ name: 'lockup', value: '3' }),
    )
    expect(world.command('1//sn0', { do: 'param', name: 'poolSize', value: '3' })).toEqual({
      ok: false,
      message: 'pool-size is given to snull when it starts, and stays as it is',
    })
    expect(world.command('1//sn9', { do: 'reset' })).toEqual({
      ok: false,
      message: 'there is no device 1//sn9',
    })
    const { world: single } = await start(loop)
    expect(single.command('1//vnet0', { do: 'wire', text: 'loss 1%' })).toMatchObject({
      ok: false,
      message: expect.stringContaining('loop has no wire'),
    })
  })

  test('gets flights that leave the near end and arrive at the far one, or the other way', async () => {
    const { world, sent, all, run } = await start(cable)
    world.send('ping')
    run(2000)
    sent.length = 0
    world.flow(10)
    run(1000)
    const ends = (device: string) => [
      ...new Set(
        all('flights')
          .filter(({ id }) => id === device)
          .flatMap(({ frames }) =>
            frames.map(({ direction, isFar }) => `${direction} ${isFar ? 'far' : 'near'}`),
          ),
      ),
    ]
    expect(ends('1//a')).toEqual(['tx near', 'rx far'])
    expect(ends('1//b')).toEqual(['tx far', 'rx near'])
  })
})
