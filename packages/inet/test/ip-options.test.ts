/** The options of a received IPv4 packet, of which conformance cases try the larger ones. */
import { expect, test } from 'vitest'
import { type OptionsHost, readOptions } from '../src/ip/options.ts'

const HEADER = 20
const host: OptionsHost = { own: Uint8Array.of(192, 0, 2, 1), now: 0, isOther: () => true }

function problemOf(...options: readonly number[]): number {
  const bytes = new Uint8Array(HEADER + options.length)
  bytes.set(options, HEADER)
  return readOptions(bytes, 0, bytes.length, host).problem
}

const ROUTER_ALERT = 148

test('a router alert has a value', () => {
  expect(problemOf(ROUTER_ALERT, 4, 0, 0)).toBe(0)
  expect(problemOf(ROUTER_ALERT, 3, 0, 0)).toBe(HEADER + 1)
})

test('an option that is longer than the header is a mistake where it starts', () => {
  expect(problemOf(1, ROUTER_ALERT, 4, 0)).toBe(HEADER + 1)
  expect(problemOf(ROUTER_ALERT, 1, 0, 0)).toBe(HEADER)
})

test('bytes after the end of the options are not read', () => {
  expect(problemOf(0, ROUTER_ALERT, 1, 0)).toBe(0)
})
