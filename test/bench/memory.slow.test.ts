import { expect, test } from 'vitest'
import { beds } from '../../bench/memory/beds.mjs'
import { deliveries } from '../../bench/memory/deliveries.mjs'
import { addressesOf, udpFrame } from '../../bench/memory/frame.mjs'
import { parts } from '../../bench/memory/parts.mjs'

const FRAMES = 320

test.each(deliveries)('$name delivers and frees every frame', async ({ open }) => {
  const work = await open()
  expect(work(FRAMES)).toBe(FRAMES)
  expect(work(FRAMES)).toBe(FRAMES)
})

test.each(beds)('$name gets a reply to every ping', async ({ open }) => {
  const work = await open()
  expect(work(FRAMES)).toBe(FRAMES)
  expect(work(FRAMES)).toBe(FRAMES)
})

test.each(parts)('$name runs and returns a number', ({ open }) => {
  expect(open()(FRAMES)).not.toBeNaN()
})

test('every figure has a unique name', () => {
  const names = [...deliveries, ...beds, ...parts].map(({ name }) => name)
  expect(new Set(names).size).toBe(names.length)
})

test('a frame with a wrong checksum is detected', () => {
  const frame = udpFrame()
  expect(addressesOf(frame)).toBe('198.18.0.1.198.18.0.2')
  frame[27] ^= 1
  expect(() => addressesOf(frame)).toThrow('wrong checksum')
})
