/** The statements about datagrams, and captures that are similar without them. */
import { expect, test } from 'vitest'
import {
  datagramPacket,
  dnsMessage,
  ethernetFrame,
  storyOfFrames,
  textsOf,
} from '../support/story-captures.ts'

const DNS = [5000, 53] as const
const TALK = [5000, 9000] as const
const at = (ms: number, packet: Uint8Array) => [ms, ethernetFrame(packet)] as const
const query = (ms: number, id = 7) => at(ms, datagramPacket(false, DNS, dnsMessage(id)))
const answer = (ms: number, id = 7) => at(ms, datagramPacket(true, DNS, dnsMessage(id, true)))
const said = (...frames: (readonly [number, Uint8Array])[]) => textsOf(storyOfFrames(frames))

test('a query that is repeated before its only reply, or the reply, was lost', () => {
  expect(said(query(0), query(5000), answer(5020))).toEqual([
    'ab query-repeated packet 1 copy 1, guess',
  ])
  expect(said(query(0), answer(20), query(5000, 8), answer(5020, 8))).toEqual([])
})

test('a reply that passed the capture before the query came again was lost after it', () => {
  expect(said(query(0), answer(1), query(5000), answer(5001))).toEqual([
    'ba reply-lost packet 1 copy 1, inferred',
  ])
})

test('a reply that is slower than the repetition was not lost', () => {
  expect(said(query(0), query(5000), answer(6000), answer(6001))).toEqual([
    'ab query-repeated, seen',
  ])
})

test('queries without a reply are counted', () => {
  expect(said(query(0), query(5000), query(10_000))).toEqual([
    'ab query-repeated packet 1 copy 1, seen',
  ])
  expect(said(query(0))).toEqual(['ba reply-lost, guess'])
})

const talk = (ms: number, back: boolean, id = 0) =>
  at(ms, datagramPacket(back, TALK, new Uint8Array(20), id))

test('datagrams without an answer for seconds are a silence', () => {
  const begin = [talk(0, false), talk(20, true)]
  expect(
    said(...begin, talk(1000, false), talk(2000, false), talk(3000, false), talk(9000, true)),
  ).toEqual(['ab silence packet 2 copy 1, guess'])
  expect(
    said(...begin, talk(1000, false), talk(1020, true), talk(9000, false), talk(9020, true)),
  ).toEqual([])
  expect(said(talk(0, false), talk(4000, false), talk(8000, false))).toEqual([])
})

test('an end that stops after a few datagrams waits for nothing', () => {
  expect(
    said(talk(0, false), talk(20, true), talk(21, true), talk(22, true), talk(9000, false)),
  ).toEqual([])
})

test('a datagram without a number is found twice by its checksum, within a short time', () => {
  const summed = (ms: number, sum: number) => {
    const packet = datagramPacket(false, TALK, new Uint8Array(20))
    packet[26] = sum
    return at(ms, packet)
  }
  expect(said(summed(0, 9), summed(0.05, 9))).toEqual(['ab duplicated packet 1 copy 1, seen'])
  expect(said(summed(0, 9), summed(0.05, 8))).toEqual([])
  expect(said(summed(0, 9), summed(5, 9))).toEqual([])
})

test('the same datagram twice is a duplicate', () => {
  expect(said(talk(0, false, 4), talk(1, false, 4))).toEqual([
    'ab duplicated packet 1 copy 1, seen',
  ])
  expect(said(talk(0, false, 4), talk(1, false, 5))).toEqual([])
})

test('QUIC is recognized by its version, and its spin bit shows round trips', () => {
  const long = Uint8Array.of(0xc0, 0, 0, 0, 1, 0, 0)
  const short = (spin: boolean) => Uint8Array.of(spin ? 0x60 : 0x40, 1, 2, 3, 4, 5)
  const frames = [at(0, datagramPacket(false, TALK, long))]
  for (let i = 0; i < 200; i++) {
    const spins = Math.floor(i / 10) % 2 === 1
    frames.push(at(10 + 5 * i, datagramPacket(false, TALK, short(spins))))
  }
  const [flow] = storyOfFrames(frames).flows
  expect(flow?.application).toBe('quic')
  expect(flow?.rtt.ab?.median).toBe(50e6)
})
