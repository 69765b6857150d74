/** Requests of the program itself, on devices of a test bed. */
import { expect, onTestFinished, test } from 'vitest'
import { EBUSY, ENOENT, EOPNOTSUPP, VnetError } from '#src/base/errno.ts'
import { UsageError } from '#src/base/usage-error.ts'
import { TestBed } from '#src/bed/test-bed.ts'
import { localVnet } from '#src/control/operations/local.ts'
import type { DeviceEvent } from '#src/control/protocol/types.ts'
import { cable, snull } from '#src/drivers/index.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'

const memoryNet = memoryNets()
const NOW = 1234

async function made() {
  const bed = await TestBed.make(cable, { wire: 'delay 20ms' }, { args: ['a', 'b'] })
  onTestFinished(() => bed.close())
  const vnet = localVnet(bed.net, { driver: cable, params: bed.params, now: () => NOW })
  const [a, b] = vnet.devices()
  return { bed, vnet, a: a!, b: b! }
}

const refusal = (call: () => unknown): VnetError => {
  try {
    call()
  } catch (error) {
    if (error instanceof VnetError) return error
    throw error
  }
  throw new Error('it was not refused')
}

test('devices, statistics, parts, parameters and wires are those that a client gets', async () => {
  const { bed, vnet, a } = await made()
  expect(vnet.devices()).toMatchObject([
    { name: 'a', driver: 'cable', carrier: true, peer: 'b' },
    { name: 'b', driver: 'cable', carrier: true, peer: 'a' },
  ])
  bed.transmit(new Uint8Array(60))
  bed.advance('20ms')
  expect(vnet.allStats()).toMatchObject([
    { name: 'a', time: NOW, total: { txPackets: 1, rxPackets: 0 } },
    { name: 'b', time: NOW, total: { txPackets: 0, rxPackets: 1 } },
  ])
  vnet.resetStats(a)
  expect(vnet.allStats()).toMatchObject([{ total: { txPackets: 0 } }, { total: { rxPackets: 1 } }])
  expect(vnet.parts(a).length).toBeGreaterThan(0)
  expect(vnet.params(a)).toContainEqual(expect.objectContaining({ name: 'seed' }))
  expect(vnet.wire(a)).toMatchObject({ time: NOW, text: { ab: 'delay 20ms', ba: 'delay 20ms' } })
})

test('changes are made immediately, and reported to subscribers until they end', async () => {
  const { vnet, a } = await made()
  const events: DeviceEvent[] = []
  const subscription = vnet.subscribe(event => events.push(event))
  vnet.setWire(a, 'loss 1%', { direction: 'ab' })
  expect(vnet.wire(a).text).toEqual({ ab: 'loss 1%', ba: 'delay 20ms' })
  vnet.setCarrier(a, false)
  vnet.setCarrier(a, true)
  vnet.cut(a)
  vnet.plug(a)
  expect(vnet.step(a, 'on', { every: 5 })).toMatchObject({ mode: 'on', every: 5 })
  expect(vnet.step(a)).toMatchObject({ mode: 'on', halt: undefined })
  expect(vnet.step(a, 'off')).toMatchObject({ mode: 'off' })
  const names = events.filter(({ name }) => name === 'a').map(({ event }) => event)
  expect(names).toEqual([
    'wire',
    'carrier-off',
    'carrier-on',
    'cut',
    'carrier-off',
    'plugged',
    'carrier-on',
    'step',
    'step',
  ])
  expect(events[0]).toMatchObject({ name: 'a', time: NOW, direction: 'ab', text: 'loss 1%' })
  subscription[Symbol.dispose]()
  const { length } = events
  vnet.cut(a)
  expect(events).toHaveLength(length)
})

test('setParam and trigger reach the driver', async () => {
  const bed = await TestBed.make(snull, {}, {})
  onTestFinished(() => bed.close())
  const vnet = localVnet(bed.net, { driver: snull, params: bed.params, now: () => NOW })
  const [sn0] = vnet.devices()
  vnet.setParam(sn0!, 'lockup', '0x10')
  expect(bed.params.lockup).toBe(16)
  expect(vnet.params(sn0!)).toContainEqual(expect.objectContaining({ name: 'lockup', value: '16' }))
  vnet.trigger(sn0!, 'flap')
  expect(vnet.devices()[0]).toMatchObject({ carrier: false })
  bed.advance('1s')
  expect(vnet.devices()[0]).toMatchObject({ carrier: true })
  expect(refusal(() => vnet.trigger(sn0!, 'lockup', 1)).message).toBe(
    'vnet_nl: EINVAL, invalid argument; queue: sn0 has 1, counted from 0',
  )
})

test('what a vnet refuses throws as a client rejects, and changes nothing', async () => {
  const { vnet, a } = await made()
  const unknown = refusal(() => vnet.setParam(a, 'sede', '1'))
  expect(unknown.errno).toBe(ENOENT)
  expect(unknown.message).toBe(
    "vnet_nl: ENOENT, no such file or directory; no parameter 'sede'; did you mean 'seed'?",
  )
  const faultless = refusal(() => vnet.trigger(a, 'nothing'))
  expect(faultless.errno).toBe(EOPNOTSUPP)
  expect(faultless.message).toBe(
    'vnet_nl: EOPNOTSUPP, operation not supported; the driver of a has no faults to trigger',
  )
  expect(() => vnet.setWire(a, 'delay')).toThrow(UsageError)
  expect(vnet.wire(a).text.ab).toBe('delay 20ms')
})

test('an error of a driver is thrown as the sentence that a client gets', async () => {
  const memory = memoryNet()
  await addDevice(memory, { ndoTrigger: () => -EBUSY }, { name: 'sn0' })
  const vnet = localVnet(memory.net, { driver: cable, params: {}, now: () => NOW })
  const [sn0] = vnet.devices()
  expect(refusal(() => vnet.trigger(sn0!, 'stuck')).message).toBe(
    'vnet_nl: EBUSY, device or resource busy; stuck of sn0: device or resource busy',
  )
})
