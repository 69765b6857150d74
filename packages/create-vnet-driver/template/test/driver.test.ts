import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ETH_P_IPV6 } from 'vnet'
import { ethernetFrame, testBed, udpFrame } from 'vnet/bed'
import { driver } from '../src/driver.ts'

// At its end each bed checks that the driver left no frame, no timer and no error.

test('a ping takes the delay twice', async () => {
  await using bed = await testBed(driver, { delay: 5 })
  assert.deepEqual(bed.ping({ to: '198.18.0.9' }), { sent: 1, received: 1, rtts: [10] })
})

test('a frame comes back with its addresses swapped', async () => {
  await using bed = await testBed(driver, { delay: 5 })
  bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9', payload: 'hello' }))
  bed.advance('5ms')
  assert.deepEqual(
    bed.received[0]?.bytes,
    udpFrame({ from: '198.18.0.9', to: '198.18.0.1', payload: 'hello' }),
  )
})

test('a frame that is not an IPv4 packet is dropped', async () => {
  await using bed = await testBed(driver)
  bed.transmit(ethernetFrame({ type: ETH_P_IPV6 }))
  assert.deepEqual(bed.drops(), { UNHANDLED_PROTO: 1 })
})

test('frames that wait are dropped when the interface goes down', async () => {
  await using bed = await testBed(driver, { delay: 1000 })
  bed.transmit(udpFrame({ from: '198.18.0.1', to: '198.18.0.9' }))
  bed.port().change({ kind: 'down' })
  assert.deepEqual(bed.drops(), { DEV_STOPPED: 1 })
})
