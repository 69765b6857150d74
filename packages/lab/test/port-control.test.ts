import { afterEach, expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { random } from '#src/base/random.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import { parseIpv4 } from '#src/packet/address.ts'
import { get16, get32, long, word } from '#src/packet/octets.ts'
import { Nat } from '../src/nat/nat.ts'
import { FIRST_PORT } from '../src/nat/nat-table.ts'
import { PortControl } from '../src/nat/port-control.ts'

const OUTSIDE = parseIpv4('192.0.2.1')!
const HOST = parseIpv4('198.18.1.2')!
const OTHER = parseIpv4('198.18.1.3')!
const [TCP, UDP] = [6, 17]
const NONCE = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]

const opened: PortControl[] = []
afterEach(() => {
  for (const control of opened.splice(0)) {
    control.close()
  }
})

function control() {
  const clock = new FakeClock()
  const nat = new Nat('symmetric', OUTSIDE, random(7))
  const made = new PortControl(nat, clock)
  opened.push(made)
  return { nat, clock, made }
}

const mapped = (address: number) => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...long(address)]
const header = (opcode: number, seconds: number, address: number) => {
  return [2, opcode, 0, 0, ...long(seconds), ...mapped(address)]
}

interface MapRequest {
  seconds?: number
  nonce?: readonly number[]
  protocol?: number
  port?: number
  suggested?: number
  claims?: number
  options?: readonly number[]
}

/** A MAP request of PCP, and its response: result, seconds, the port and the address outside. */
function map(made: PortControl, from: number, request: MapRequest = {}) {
  const {
    seconds = 600,
    nonce = NONCE,
    protocol = TCP,
    port = 80,
    suggested = 0,
    claims = from,
    options = [],
  } = request
  const body = [
    ...nonce,
    protocol,
    0,
    0,
    0,
    ...word(port),
    ...word(suggested),
    ...mapped(0),
    ...options,
  ]
  const reply = made.handle(Uint8Array.from([...header(1, seconds, claims), ...body]), from)!
  expect([reply[0], reply[1]]).toEqual([2, 0x81])
  const { length } = reply
  return {
    result: reply[3],
    seconds: get32(reply, 4),
    port: get16(reply, 42),
    address: get32(reply, 56),
    length,
  }
}

/** A request of NAT-PMP, and its response: result, the port outside and seconds. */
function pmp(
  made: PortControl,
  from: number,
  port: number,
  seconds: number,
  suggested = 0,
  opcode = 2,
) {
  const request = Uint8Array.from([
    0,
    opcode,
    0,
    0,
    ...word(port),
    ...word(suggested),
    ...long(seconds),
  ])
  const reply = made.handle(request, from)!
  expect([reply[0], reply[1]]).toEqual([0, 128 + opcode])
  return { result: get16(reply, 2), port: get16(reply, 10), seconds: get32(reply, 12) }
}

test('PCP gives a host the port that it suggests, for the seconds that it asks for', () => {
  const { made } = control()
  expect(map(made, HOST, { suggested: 62_000 })).toMatchObject({
    result: 0,
    seconds: 600,
    port: 62_000,
    address: OUTSIDE,
  })
  const other = map(made, OTHER, { suggested: 62_000 })
  expect(other).toMatchObject({ result: 0 })
  expect(other.port).toBeGreaterThanOrEqual(FIRST_PORT)
  expect(other.port).not.toBe(62_000)
})

test('PCP keeps lifetimes between 120 s and a day', () => {
  const { made } = control()
  expect(map(made, HOST, { seconds: 1 }).seconds).toBe(120)
  expect(map(made, HOST, { seconds: 4_000_000_000 }).seconds).toBe(86_400)
})

test('a mapping ends when its time is over, and earlier when its host says so', () => {
  const { made, nat, clock } = control()
  const ask = () =>
    nat.hold({ protocol: TCP, port: 62_000, address: OTHER, to: 80 }, 0, clock.now())
  map(made, HOST, { suggested: 62_000 })
  expect(ask()).not.toBe(62_000)
  clock.advance(600 * NSEC_PER_SEC)
  expect(map(made, OTHER, { suggested: 62_000, port: 81 }).port).toBe(62_000)
  expect(map(made, OTHER, { seconds: 0, port: 81 })).toMatchObject({ result: 0, seconds: 0 })
  expect(map(made, HOST, { suggested: 62_000 }).port).toBe(62_000)
})

test('a renewal keeps the port, and another nonce changes nothing (RFC 6887 section 13)', () => {
  const { made } = control()
  const { port } = map(made, HOST)
  expect(map(made, HOST, { suggested: 64_000, seconds: 900 })).toMatchObject({
    result: 0,
    port,
    seconds: 900,
  })
  const stranger = NONCE.map(n => n + 1)
  for (const seconds of [0, 600]) {
    expect(map(made, HOST, { nonce: stranger, seconds }).result).toBe(2)
  }
  expect(pmp(made, HOST, 80, 0).result).toBe(2)
  expect(map(made, HOST).port).toBe(port)
})

test('a host maps its own address only: another one in the header, or a third party, is refused', () => {
  const { made } = control()
  expect(map(made, HOST, { claims: OTHER }).result).toBe(12)
  expect(map(made, HOST, { options: [1, 0, ...word(16), ...mapped(OTHER)] }).result).toBe(5)
  expect(map(made, HOST, { options: [200, 0, ...word(4), 0, 0, 0, 0] }).result).toBe(0)
})

test('an option that is ignored is not in the response, and one past the end is malformed', () => {
  const { made } = control()
  const optional = [200, 0, ...word(4), 1, 2, 3, 4]
  expect(map(made, HOST, { options: optional })).toMatchObject({ result: 0, length: 60 })
  // An error has what was requested (RFC 6887 section 7.4).
  expect(map(made, HOST, { options: [...optional, 1, 0, ...word(0)] })).toMatchObject({
    result: 5,
    length: 72,
  })
  for (const code of [1, 200]) {
    expect(map(made, HOST, { port: 81, options: [code, 0, ...word(40), 1, 2, 3, 4] }).result).toBe(
      6,
    )
  }
  expect(map(made, HOST, { options: [200, 0, ...word(3), 1, 2, 3, 0] }).result).toBe(0)
})

test('a host has at most 64 mappings, and all hosts together 1024', () => {
  const { made } = control()
  const results = (from: number) =>
    Array.from({ length: 65 }, (_, i) => map(made, from, { port: i + 1 }).result)
  expect(results(HOST)).toEqual([...Array(64).fill(0), 10])
  for (let i = 1; i < 16; i++) {
    results(HOST + i)
  }
  expect(map(made, HOST + 16).result).toBe(8)
  expect(pmp(made, HOST + 16, 80, 600).result).toBe(4)
})

test.each([
  ['a version that is not known', [9, 1, ...Array(58).fill(0)], 1],
  ['a short header', [2, 1, 0, 0], 3],
  ['a short MAP', [...header(1, 600, HOST), 0, 0, 0, 0], 3],
  ['a length that is not a multiple of 4', [...header(1, 600, HOST), ...Array(37).fill(0)], 3],
  ['more than 1100 bytes', [...header(1, 600, HOST), ...Array(1080).fill(0)], 3],
  ['PEER', [...header(2, 600, HOST), ...Array(56).fill(0)], 4],
  [
    'a protocol without ports',
    [...header(1, 600, HOST), ...NONCE, 47, 0, 0, 0, ...Array(20).fill(0)],
    9,
  ],
  ['all ports', [...header(1, 600, HOST), ...NONCE, 6, 0, 0, 0, ...Array(20).fill(0)], 9],
])('%s is an error of PCP', (_, request, result) => {
  const reply = control().made.handle(Uint8Array.from(request), HOST)!
  expect([reply[0], reply[1]! & 0x80, reply[3]]).toEqual([2, 0x80, result])
  expect(reply.length).toBeLessThanOrEqual(1100)
})

test('responses and single bytes get no response', () => {
  const { made } = control()
  expect(made.handle(Uint8Array.of(2), HOST)).toBe(undefined)
  expect(made.handle(Uint8Array.from([2, 0x81, ...Array(58).fill(0)]), HOST)).toBe(undefined)
})

test('NAT-PMP says the address outside and how long the NAT has known its mappings', () => {
  const { made, clock } = control()
  clock.advance(9 * NSEC_PER_SEC)
  const reply = made.handle(Uint8Array.of(0, 0), HOST)!
  expect([...reply]).toEqual([0, 128, 0, 0, ...long(9), ...long(OUTSIDE)])
  made.restart()
  expect(get32(made.handle(Uint8Array.of(0, 0), HOST)!, 4)).toBe(0)
})

test('NAT-PMP maps ports of UDP and TCP, ends one, and ends all of a protocol', () => {
  const { made } = control()
  expect(pmp(made, HOST, 80, 600, 62_000)).toEqual({ result: 0, port: 62_000, seconds: 600 })
  expect(pmp(made, HOST, 80, 600, 62_001, 1)).toEqual({ result: 0, port: 62_001, seconds: 600 })
  expect(pmp(made, HOST, 81, 600, 62_002).port).toBe(62_002)
  expect(pmp(made, HOST, 80, 0)).toEqual({ result: 0, port: 0, seconds: 0 })
  expect(pmp(made, OTHER, 80, 600, 62_000).port).toBe(62_000)
  expect(pmp(made, HOST, 0, 0).result).toBe(0)
  expect(pmp(made, OTHER, 81, 600, 62_002).port).toBe(62_002)
  expect(pmp(made, OTHER, 82, 600, 62_001, 1).port).not.toBe(62_001)
})

test('an opcode of NAT-PMP that is not known is an error', () => {
  const reply = control().made.handle(Uint8Array.of(0, 9, 0, 0), HOST)!
  expect([...reply.subarray(0, 4)]).toEqual([0, 137, 0, 5])
})

test('a mapping that was asked for admits everyone, also at a symmetric NAT', () => {
  const { made, nat, clock } = control()
  const { port } = map(made, HOST, { protocol: UDP, port: 5000 })
  const packet = Uint8Array.from([
    ...[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0, ...word(28), 0, 1, 0, 0, 64, UDP, 0, 0],
    ...[
      ...long(parseIpv4('203.0.113.9')!),
      ...long(OUTSIDE),
      ...word(9),
      ...word(port),
      ...word(8),
      0,
      0,
    ],
  ])
  expect(nat.inbound(packet, 0, packet.length, clock.now())).toBe('pass')
  expect([get32(packet, 30), get16(packet, 36)]).toEqual([HOST, 5000])
})

test('random and cut requests throw nothing, and have at most one reply of 1100 bytes', () => {
  const { made } = control()
  const chance = random(11)
  const valid = [
    ...header(1, 600, HOST),
    ...NONCE,
    TCP,
    0,
    0,
    0,
    ...word(80),
    ...word(0),
    ...mapped(0),
  ]
  let longest = 0
  for (let n = 0; n < 20_000; n++) {
    const length = chance.below(n % 100 === 0 ? 2000 : 80)
    const request = Uint8Array.from({ length }, (_, i) =>
      chance.below(8) === 0 ? chance.below(256) : (valid[i] ?? 0),
    )
    longest = Math.max(longest, made.handle(request, HOST)?.length ?? 0)
  }
  expect(longest).toBeLessThanOrEqual(1100)
})
