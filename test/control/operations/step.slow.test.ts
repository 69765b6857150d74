/** STEP and its events at each step of a frame, with the lines of the driver. */
import { expect, test } from 'vitest'
import type { DeviceEvent } from '#src/control/index.ts'
import { sendAll } from '#support/memory-net.ts'
import { flowFrame } from '#support/snull-pair.ts'
import { servedSnulls } from './served-snulls.ts'

const { served } = servedSnulls()

test('each next returns the step that waits then, with the frame and the lines of the driver', async () => {
  const { client, vnet, device, peer, port0, port1 } = await served()
  expect(await client.step(vnet, device)).toEqual({ mode: 'off', every: 0, halt: undefined })
  expect(await client.step(vnet, device, 'on')).toEqual({ mode: 'on', every: 0, halt: undefined })
  sendAll(port0, flowFrame(0, 0))
  const { halt: first } = await client.step(vnet, device)
  const place = { number: 1, device, queue: 0, next: 'read' }
  expect(first).toEqual({ ...place, frame: undefined, source: undefined, count: 0 })

  const { halt: second } = await client.step(vnet, device, 'next')
  const frame = { length: 60, bytes: expect.objectContaining({ length: 60 }) }
  expect(second).toMatchObject({ number: 2, device, next: 'ndoStartXmit', frame })
  expect([...(second?.frame?.bytes ?? [])]).toEqual([...flowFrame(0, 0)])
  expect(second?.source?.file).toMatch(/\/drivers\/snull\/driver\.ts$/)
  expect(second?.source?.lines[0]).toContain('function startXmit(')
  expect(second?.source?.lines.at(-1)).toBe('}')

  const { halt: third } = await client.step(vnet, device, 'next')
  expect(third).toMatchObject({
    number: 3,
    device: peer,
    next: 'interrupt',
    frame: { length: 60 },
  })
  expect(third?.source?.lines[0]).toContain('function interrupt(')
  const { halt: fourth } = await client.step(vnet, device, 'next')
  expect(fourth).toMatchObject({ number: 4, device: peer, next: 'netifRx' })
  expect(fourth?.source?.file).toMatch(/\/drivers\/snull\/driver\.ts$/)
  const { halt: fifth } = await client.step(vnet, device, 'next')
  expect(fifth).toMatchObject({ number: 5, device: peer, next: 'write', source: undefined })
  await client.step(vnet, device, 'next')
  expect(port1.received).toHaveLength(1)
  expect(await client.step(vnet, peer, 'off')).toEqual({ mode: 'off', every: 0, halt: undefined })
})

test('each subscriber is notified where a frame waits, without its bytes', async () => {
  const { client, vnet, device, peer, port0 } = await served()
  const events: DeviceEvent[] = []
  const heard = new Promise<void>(resolve => {
    void client.subscribe(vnet, event => {
      events.push(event)
      if (events.length === 8) {
        resolve()
      }
    })
  })
  await client.step(vnet, device)
  await client.step(vnet, device, 'on')
  sendAll(port0, flowFrame(0, 0))
  await client.step(vnet, device, 'next')
  await client.step(vnet, device, 'next')
  await client.step(vnet, device, 'next')
  await client.step(vnet, device, 'off')
  await heard
  expect(events.map(({ event, name, mode, step }) => [event, name, mode, step])).toEqual([
    ['step', 'sn0', 'on', undefined],
    ['step', 'sn1', 'on', undefined],
    ['step', 'sn0', 'on', { number: 1, device, queue: 0, next: 'read' }],
    ['step', 'sn0', 'on', { number: 2, device, queue: 0, next: 'ndoStartXmit' }],
    ['step', 'sn1', 'on', { number: 3, device: peer, queue: 0, next: 'interrupt' }],
    ['step', 'sn1', 'on', { number: 4, device: peer, queue: 0, next: 'netifRx' }],
    ['step', 'sn0', 'off', undefined],
    ['step', 'sn1', 'off', undefined],
  ])
})
