/** Each kind of statement about a connection, and a similar capture without the statement. */
import { describe, expect, test } from 'vitest'
import { handshake, type Segment, storyOfSegments, textsOf } from '../support/story-captures.ts'

const tell = (...segments: Segment[]) => textsOf(storyOfSegments([...handshake(), ...segments]))
const data = (at: number, seq: number, more: Partial<Segment> = {}): Segment => ({
  at,
  seq,
  length: 1000,
  ...more,
})
const reply = (at: number, seq: number, more: Partial<Segment> = {}): Segment =>
  data(at, seq, { back: true, ...more })
const ack = (at: number, n: number, more: Partial<Segment> = {}): Segment => ({
  at,
  back: true,
  ack: n,
  ...more,
})
const own = (at: number, n: number, more: Partial<Segment> = {}): Segment => ({
  at,
  ack: n,
  ...more,
})

describe('losses', () => {
  test('a segment that is sent again, and acknowledged a round trip later, was lost', () => {
    expect(tell(data(50, 1), data(350, 1), ack(390, 1001))).toEqual([
      'ab lost seq 1 copy 1, inferred',
    ])
    expect(tell(data(50, 1), ack(90, 1001))).toEqual([])
  })

  test('a copy that is sent again was lost, too', () => {
    const losses = ['ab lost seq 1 copy 1, inferred', 'ab lost seq 1 copy 2, inferred']
    expect(tell(data(50, 1), data(350, 1), data(950, 1), ack(990, 1001))).toEqual(losses)
  })

  test('an ACK that comes too early for the repetition is of the first transmission', () => {
    expect(tell(data(50, 1), data(350, 1), ack(360, 1001))).toEqual(['ab repeated, inferred'])
  })

  test('the echoed timestamp shows which transmission arrived', () => {
    const run = (echo: number) =>
      tell(
        data(50, 1, { stamps: [50, 1] }),
        data(350, 1, { stamps: [350, 1] }),
        ack(390, 1001, { stamps: [9, echo] }),
      )
    expect(run(350)).toEqual(['ab lost seq 1 copy 1, inferred'])
    expect(run(50)).toEqual(['ab repeated, inferred'])
  })

  test('without SACK and timestamps, the ACK of a segment may have been lost', () => {
    const plain = handshake().map(one => ({ ...one, permits: false }))
    const story = storyOfSegments([...plain, data(50, 1), data(350, 1), ack(390, 1001)])
    expect(textsOf(story)).toEqual(['ab lost seq 1 copy 1, guess'])
    expect(story.flows[0]?.statements[0]?.text).toMatch(
      /^segment 1 or its ACK was lost after this capture/,
    )
  })

  test('a segment that is sent again before its ACK could arrive was not lost', () => {
    const story = storyOfSegments([
      ...handshake(),
      data(50, 1, { stamps: [50, 1] }),
      data(51, 1, { stamps: [51, 1] }),
      ack(91, 1001),
    ])
    expect(textsOf(story)).toEqual(['ab repeated, guess'])
    expect(story.flows[0]?.statements[0]?.text).toBe(
      'segment 1 was sent again 1 ms later, before its ACK could arrive',
    )
  })

  test('each report of a duplicate takes back one loss', () => {
    const twice = (at: number) => ack(at, 1001, { sacks: [1, 1001] })
    const copies = [data(50, 1), data(350, 1), data(950, 1), ack(990, 1001)]
    expect(tell(...copies, twice(991), twice(992))).toEqual([
      'ab repeated, seen',
      'ab repeated, seen',
    ])
    expect(tell(...copies, twice(991))).toEqual([
      'ab lost seq 1 copy 1, guess',
      'ab repeated, seen',
    ])
  })

  test('in a connection that is older than the capture, a repeated segment was lost', () => {
    const window = { window: 1 }
    const run = (...more: Segment[]) =>
      textsOf(storyOfSegments([own(0, 1), ack(1, 1, window), ...more]))
    expect(run(data(50, 1), data(350, 1), ack(390, 1001, window))).toEqual([
      'ab lost seq 1 copy 1, guess',
    ])
    // The shift of the window is unknown.
    const second = [data(51, 1001), ack(91, 1001, window), data(351, 1001), ack(391, 2001, window)]
    expect(run(data(50, 1), ...second)).toEqual(['ab lost seq 1001 copy 1, guess'])
  })

  test('a repeated FIN or SYN-ACK after its ACK is named', () => {
    const fin = (at: number): Segment => ({ at, seq: 1, flags: 'FA' })
    expect(tell(fin(50), ack(90, 2), fin(350))).toEqual(['ab repeated, guess'])
    const [first, second] =
      storyOfSegments(
        [
          ...[...handshake(), data(45, 1), ack(85, 1001)],
          ...[50, 350, 800].map(at => ({ ...fin(at), seq: 1001 })),
          ...[ack(90, 1002), ack(390, 1002)],
        ].toSorted((a, b) => a.at - b.at),
      ).flows[0]?.statements ?? []
    expect([first?.text, second?.text]).toEqual([
      'the FIN was repeated after its ACK 2',
      'copy 2 of the FIN was repeated after its ACK 3',
    ])
    const again: Segment = { at: 1040, back: true, seq: 0, flags: 'SA' }
    expect(tell(again)).toEqual(['ab lost ack 1 copy 1, inferred'])
  })

  test('a SYN-ACK with another number, and bytes beyond every window, are of another connection', () => {
    const foreign: Segment = { at: 45, back: true, seq: 70_000_000, flags: 'SA' }
    expect(tell(foreign, reply(95, 1), own(96, 1001))).toEqual([])
    expect(tell(reply(95, 1), reply(96, 1_900_000_000), reply(97, 1001))).toEqual([])
  })

  test('the round trips after a repeated SYN show which copy was answered', () => {
    const syn = (at: number): Segment => ({ at, seq: 0, flags: 'S', permits: true })
    const answer: Segment = { at: 40, back: true, seq: 0, flags: 'SA', permits: true }
    const trip = [own(41, 1), data(50, 1), ack(90, 1001)]
    expect(textsOf(storyOfSegments([syn(0), syn(30), answer, ...trip]))).toEqual([
      'ab repeated, guess',
    ])
    expect(
      textsOf(storyOfSegments([syn(0), syn(1000), { ...answer, at: 1040 }, own(1041, 1)])),
    ).toEqual(['ab lost seq 0 copy 1, guess'])
  })

  test('an ACK that came too early for one round trip, but not for the shortest one, shows a loss', () => {
    const slow = [
      ...handshake(0, 60),
      data(100, 1),
      data(400, 1),
      ack(450, 1001),
      data(500, 1001),
      ack(548, 2001),
    ]
    expect(textsOf(storyOfSegments(slow))).toEqual(['ab lost seq 1 copy 1, inferred'])
  })

  test('a SACK alone shows that a repetition arrived', () => {
    const wide = handshake().map(one => ({ ...one, window: 9000 }))
    const sack = ack(390, 1, { sacks: [1001, 2001], window: 9000 })
    const story = storyOfSegments([...wide, data(50, 1), data(51, 1001), data(350, 1001), sack])
    expect(textsOf(story)).toEqual(['ab lost seq 1001 copy 1, inferred'])
  })

  test('a SACK of both copies shows that none was lost', () => {
    expect(tell(data(50, 1), data(350, 1), ack(390, 1001, { sacks: [1, 1001] }))).toEqual([
      'ab repeated, seen',
    ])
  })

  test('a gap that is filled a round trip later was lost before the capture', () => {
    const gap = [
      reply(100, 1),
      own(100, 1001),
      reply(100, 2001),
      own(100, 1001),
      reply(140, 1001),
      own(140, 3001),
    ]
    expect(tell(...gap)).toEqual(['ba lost seq 1001 copy 1, inferred'])
  })

  test('the sequence number of an ACK shows data that is missing', () => {
    const late = [
      ack(90, 1),
      { at: 90, back: true, seq: 1001, ack: 1 },
      reply(300, 1),
      own(300, 1001),
    ]
    expect(tell(...late)).toEqual(['ba lost seq 1 copy 1, inferred'])
    expect(tell(ack(90, 1), reply(300, 1), own(300, 1001))).toEqual([])
  })

  test('an ACK that passed the capture before a late repetition was lost after it', () => {
    const run = (at: number) => tell(reply(100, 1), own(100, 1001), reply(at, 1), own(at, 1001))
    expect(run(400)).toEqual(['ab lost ack 2 copy 1, inferred'])
    expect(run(145)).toEqual(['ba repeated, guess'])
  })

  test('the repetition of a probe of a closed window is no loss', () => {
    const closed = [data(50, 1), ack(90, 1001, { window: 0 }), { at: 300, seq: 1001, length: 1 }]
    const probes = [...closed, { at: 700, seq: 1001, length: 1 }, ack(740, 1001, { window: 9 })]
    expect(tell(...probes)).toEqual(['ba zero-window, seen'])
  })

  test('a lost FIN is named', () => {
    const fin = (at: number): Segment => ({ at, seq: 1, flags: 'FA' })
    const story = storyOfSegments([...handshake(), fin(50), fin(350), ack(390, 2)])
    expect(story.flows[0]?.statements.map(({ text }) => text)).toEqual([
      'the FIN was lost after this capture, and sent again 300 ms later',
    ])
  })

  test('a SYN that is sent again was lost, unless the reply echoes the first one', () => {
    const syn = (at: number): Segment => ({ at, seq: 0, flags: 'S', stamps: [at, 0] })
    const answer = (echo: number): Segment => ({
      at: 1040,
      back: true,
      seq: 0,
      flags: 'SA',
      stamps: [7, echo],
    })
    const run = (echo: number) =>
      textsOf(storyOfSegments([syn(1), syn(1001), answer(echo), own(1041, 1)]))
    expect(run(1001)).toEqual(['ab lost seq 0 copy 1, inferred'])
    expect(run(1)).toEqual(['ba lost seq 0 copy 1, inferred'])
  })
})

describe('packets out of order', () => {
  test('a gap that is filled within the round trip was overtaken', () => {
    const gap = [
      reply(100, 1),
      own(100, 1001),
      reply(100, 2001),
      own(100, 1001),
      reply(110, 1001),
      own(110, 3001),
    ]
    expect(tell(...gap)).toEqual(['ba reordered seq 1001 copy 1, seen'])
  })

  test('older timestamps show that a segment was overtaken, however late it comes', () => {
    const stamped = (at: number, seq: number, stamp: number) =>
      reply(at, seq, { stamps: [stamp, 1] })
    const run = (stamp: number) =>
      tell(stamped(100, 1, 70), stamped(101, 2001, 80), stamped(190, 1001, stamp), own(190, 3001))
    expect(run(75)).toEqual(['ba reordered seq 1001 copy 1, seen'])
    expect(run(160)).toEqual(['ba lost seq 1001 copy 1, inferred'])
  })

  test('a number of IPv4 that is a little lower shows that a segment was overtaken', () => {
    const run = (id: number) => tell(reply(50, 1, { id: 500, length: 0 }), own(90, 1), ...gap(id))
    const gap = (id: number) => [
      reply(100, 1001, { id: 900 }),
      own(100, 1),
      reply(400, 1, { id }),
      own(400, 2001),
    ]
    expect(run(899)).toEqual(['ba reordered seq 1 copy 1, seen'])
    expect(run(2000)).toEqual(['ba lost seq 1 copy 1, inferred'])
  })

  test('packets that fill the same gap did not overtake each other', () => {
    const stamped = (at: number, seq: number, stamp: number) =>
      reply(at, seq, { stamps: [stamp, 1] })
    const late = [
      stamped(100, 1, 70),
      stamped(101, 3001, 80),
      stamped(102, 1001, 71),
      stamped(103, 2001, 72),
    ]
    const [flow] = storyOfSegments([...handshake(), ...late]).flows
    expect(flow?.statements.map(({ text }) => text.replace(/,.*/, ''))).toEqual([
      'segment 1001 was overtaken by 1 packet',
      'segment 2001 was overtaken by 1 packet',
    ])
  })

  test('copies with another TTL are from both sides of a router, and not duplicates', () => {
    const copies = [reply(100, 1, { id: 7, ttl: 64 }), reply(101, 1, { id: 7, ttl: 63 })]
    const story = storyOfSegments([
      ...handshake(),
      ...copies,
      { at: 102, back: true, flags: 'R', ttl: 64 },
    ])
    expect(story.flows[0]?.statements.map(({ text }) => text)).toEqual(['the server sent a RST'])
    expect(story.notes).toEqual([
      'most packets twice, as a capture of several interfaces has, in 1 flow',
    ])
  })

  test('statements beyond the most are counted', () => {
    const segments = Array.from({ length: 400 }, (_, i) => {
      const one = reply(100 + i, 1 + 1000 * i, { id: i + 1 })
      return i % 5 === 0 ? [one, one] : [one]
    })
    const [flow] = storyOfSegments([...handshake(), ...segments.flat()]).flows
    expect([flow?.statements.length, flow?.more]).toEqual([64, 16])
  })

  test('a packet with a random number is found twice, whatever the numbers before it', () => {
    const random = [
      reply(100, 1, { id: 60_000 }),
      reply(101, 1001, { id: 100 }),
      reply(101, 1001, { id: 100 }),
    ]
    expect(tell(...random)).toEqual(['ba duplicated seq 1001 copy 1, seen'])
    expect(storyOfSegments([...handshake(), ...random]).flows[0]?.ways.ba.packets).toBe(3)
  })

  test('a segment that comes after its repetition was delayed', () => {
    const stamped = (at: number, seq: number, stamp: number) =>
      reply(at, seq, { stamps: [stamp, 1] })
    const late = [
      stamped(100, 1, 70),
      stamped(101, 2001, 80),
      stamped(190, 1001, 160),
      stamped(250, 1001, 75),
    ]
    expect(tell(...late)).toEqual(['ba delayed seq 1001 copy 1, seen'])
  })

  test('the same packet twice is a duplicate, also an ACK', () => {
    const twice = [
      reply(100, 1, { id: 7 }),
      reply(100.1, 1, { id: 7 }),
      own(101, 1001, { id: 3 }),
      own(102, 1001, { id: 3 }),
    ]
    expect(tell(...twice)).toEqual([
      'ba duplicated seq 1 copy 1, seen',
      'ab duplicated ack 2 copy 1, seen',
    ])
    const [statement] =
      storyOfSegments([
        { at: 0, seq: 0, flags: 'S', id: 5 },
        { at: 1, seq: 0, flags: 'S', id: 5 },
      ]).flows[0]?.statements ?? []
    expect(statement?.text).toBe('the SYN arrived twice')
    const others = [reply(100, 1, { id: 7 }), own(101, 1001, { id: 3 }), own(102, 1001, { id: 4 })]
    expect(tell(...others)).toEqual([])
  })

  test('a capture that has most packets twice has a note instead', () => {
    const pairs = Array.from({ length: 80 }, (_, i) =>
      [1, 2].map(() => reply(100 + i, 1 + 1000 * i, { id: i + 1 })),
    ).flat()
    const story = storyOfSegments([...handshake(), ...pairs])
    expect(textsOf(story)).toEqual([])
    expect(story.flows[0]?.more).toBe(0)
    expect(story.notes).toEqual([
      'most packets twice, as a capture of several interfaces has, in 1 flow',
    ])
  })
})

describe('ends', () => {
  test('a RST has its sender, and the packet before it', () => {
    expect(tell(data(50, 1), { at: 90, back: true, flags: 'R' })).toEqual([
      'ba reset seq 1 copy 1, seen',
    ])
    expect(
      tell(
        data(50, 1),
        ack(90, 1001),
        { at: 95, seq: 1001, flags: 'FA' },
        { at: 99, back: true, flags: 'FA', ack: 1002 },
      ),
    ).toEqual([])
  })

  test('a RST of another TTL may be of a middlebox', () => {
    const [statement] =
      storyOfSegments([...handshake(), data(50, 1), { at: 60, back: true, flags: 'R', ttl: 250 }])
        .flows[0]?.statements ?? []
    expect(statement?.text).toBe(
      'the server sent a RST, with the TTL 250 instead of 64: perhaps a middlebox sent it',
    )
  })

  test('a refused connection is a RST after the SYN', () => {
    const [statement] =
      storyOfSegments([
        { at: 0, seq: 0, flags: 'S' },
        { at: 40, back: true, flags: 'RA' },
      ]).flows[0]?.statements ?? []
    expect(statement?.text).toBe('the server refused the connection')
    // The RST acknowledges the second SYN, which was not lost.
    const twice: Segment[] = [0, 30].map(at => ({ at, seq: 0, flags: 'S' }))
    expect(textsOf(storyOfSegments([...twice, { at: 40, back: true, flags: 'RA' }]))).toEqual([
      'ab lost seq 0 copy 1, guess',
      'ba reset seq 0 copy 2, seen',
    ])
  })

  test('a RST after a pause shows a forgotten connection', () => {
    const run = (pause: number) =>
      tell(data(50, 1), ack(90, 1001), data(pause, 1001), {
        at: pause + 40,
        back: true,
        flags: 'R',
      })
    expect(run(400_000)).toEqual(['ba forgotten seq 1001 copy 1, inferred'])
    expect(run(3000)).toEqual(['ba reset seq 1001 copy 1, seen'])
  })

  test('a RST of an end that has the connection, or that ends a pause itself, shows none forgotten', () => {
    const idle = [data(50, 1), ack(90, 1001)]
    expect(tell(...idle, { at: 400_000, back: true, flags: 'R' })).toEqual([
      'ba reset ack 1 copy 1, seen',
    ])
    const living: Segment = { at: 400_040, back: true, flags: 'RA', ack: 2001 }
    expect(tell(...idle, data(400_000, 1001), living)).toEqual(['ba reset seq 1001 copy 1, seen'])
  })

  test('a silence ends with the RST of the silent end', () => {
    const tries = [0, 300, 900, 2100, 4500].map(later => data(500 + later, 1001))
    const other = handshake(60_000).map(one => ({ ...one, port: 41_000 }))
    const reset: Segment = { at: 6000, back: true, flags: 'RA', ack: 1001 }
    const run = [...handshake(), data(50, 1), ack(90, 1001), ...tries, reset, ...other]
    const silence = storyOfSegments(run).flows[0]?.statements.find(({ kind }) => kind === 'silence')
    expect(silence?.text).toBe(
      'nothing came from the server for 5.5 s, until its RST: segment 1001 was sent 5 times',
    )
  })

  test('growing timeouts show a silence in a capture of one direction, and equal ones do not', () => {
    const run = (...times: number[]) => textsOf(storyOfSegments(times.map(at => data(at, 1))))
    expect(run(0, 300, 900, 2100)).toEqual(['ab silence seq 1 copy 1, guess'])
    expect(run(0, 300, 600, 900)).toEqual([])
  })

  test('an end that continues after a RST did not send it', () => {
    const reset: Segment = { at: 95, back: true, flags: 'R' }
    expect(storyOfSegments([...handshake(), data(50, 1), reset]).flows[0]?.end).toBe('reset')
    expect(storyOfSegments([...handshake(), data(50, 1), reset, reply(99, 1)]).flows[0]?.end).toBe(
      'open',
    )
  })

  test('no answer after a pause may be a forgotten connection', () => {
    const tries = (from: number) => [0, 300, 900, 2100, 4500].map(later => data(from + later, 1001))
    expect(tell(data(50, 1), ack(90, 1001), ...tries(400_000))).toEqual([
      'ab forgotten seq 1001 copy 1, guess',
    ])
    expect(tell(data(50, 1), ack(90, 1001), ...tries(500))).toEqual([
      'ab silence seq 1001 copy 1, seen',
    ])
  })

  test('losses in a row without a sign of the other end are one silence, with its length', () => {
    const tries = [50, 350, 950, 2150].map(at => data(at, 1))
    const story = storyOfSegments([...handshake(), ...tries, ack(2190, 1001)])
    expect(textsOf(story)).toEqual(['ab silence seq 1 copy 1, inferred'])
    expect(story.flows[0]?.statements[0]?.lasted).toBe(2140e6)
  })

  test('large segments that never pass, while small ones do, show a black hole', () => {
    const small = [{ at: 50, seq: 1, length: 200 }, ack(90, 201)]
    const large = [100, 400, 1000, 2200].map(at => data(at, 201))
    expect(tell(...small, ...large)).toEqual(['ab black-hole seq 201 copy 1, guess'])
    expect(tell(...small, ...large, { at: 2300, seq: 201, length: 400 }, ack(2340, 601))).toContain(
      'ab black-hole seq 201 copy 1, inferred',
    )
    expect(
      tell(
        data(50, 1),
        ack(90, 1001),
        ...[100, 400, 1000, 2200].map(at => data(at, 1001)),
        ack(2240, 2001),
      ),
    ).toEqual(['ab silence seq 1001 copy 1, inferred'])
  })

  test('a SYN without an answer is repeated', () => {
    const syns = [0, 1000, 3000].map((at): Segment => ({ at, seq: 0, flags: 'S' }))
    expect(textsOf(storyOfSegments(syns))).toEqual(['ab syn-repeated seq 0 copy 1, seen'])
    const [first] = syns
    expect(textsOf(storyOfSegments(first === undefined ? [] : [first]))).toEqual([])
  })

  test('a handshake without the last ACK leaves an open half', () => {
    const answers = [40, 1040].map((at): Segment => ({ at, back: true, seq: 0, flags: 'SA' }))
    expect(textsOf(storyOfSegments([{ at: 0, seq: 0, flags: 'S' }, ...answers]))).toContain(
      'ab half-open, seen',
    )
    expect(tell()).toEqual([])
  })

  test('an end without a FIN for long after the FIN of the other end remained open', () => {
    const fin = [
      { at: 50, seq: 1, flags: 'FA' },
      { at: 90, back: true, ack: 2 },
    ]
    const other: Segment[] = handshake(9000).map(one => ({ ...one, port: 41_000 }))
    const run = (...more: Segment[]) =>
      textsOf(storyOfSegments([...handshake(), ...fin, ...more, ...other]))
    expect(run()).toEqual(['ba half-open, seen'])
    expect(run({ at: 95, back: true, flags: 'FA', ack: 2 })).toEqual([])
    expect(run(reply(8000, 1, { ack: 2 }))).toEqual([])
    expect(textsOf(storyOfSegments([...handshake(), ...fin]))).toEqual([])
  })

  test('an ACK of other bytes answers a SYN of a connection that one end has forgotten', () => {
    const old: Segment[] = [
      { at: 0, seq: 0, flags: 'S' },
      { at: 40, back: true, seq: 7000, ack: 9000 },
    ]
    expect(textsOf(storyOfSegments(old))).toEqual(['ba half-open, seen'])
  })

  test('a window of zero has a time', () => {
    const closed = [data(50, 1), ack(90, 1001, { window: 0 }), ack(590, 1001, { window: 100 })]
    const story = storyOfSegments([...handshake(), ...closed])
    expect(textsOf(story)).toEqual(['ba zero-window, seen'])
    expect(story.flows[0]?.statements[0]?.lasted).toBe(500e6)
  })

  test('a TLS handshake that stops has the message after which it did', () => {
    const hello = data(50, 1, { text: '\x16\x03\x01' })
    const [answer, finished] = [
      reply(95, 1, { ack: 1001, text: '\x16\x03\x03' }),
      data(99, 1001, { ack: 1001, text: '\x14\x03\x03' }),
    ]
    const alert = (level: string) =>
      reply(95, 1, { ack: 1001, text: `\x15\x03\x03\0\x02${level}\x28` })
    const later = ack(3000, 1001)
    expect(tell(hello, ack(90, 1001), later)).toEqual(['ba tls-stopped, guess'])
    expect(tell(hello, answer, later)).toEqual(['ab tls-stopped, guess'])
    expect(tell(hello, alert('\x02'))).toEqual(['ba tls-stopped, seen'])
    expect(tell(hello, answer, finished)).toEqual([])
    // A warning stops nothing, nor does the end of the capture.
    expect(tell(hello, alert('\x01'))).toEqual([])
    expect(tell(hello, ack(90, 1001))).toEqual([])
    // A part of the packets does not show the other messages.
    expect(tell(hello, ack(90, 2001), later)).toEqual([])
  })
})

describe('slow replies', () => {
  const request = (at: number): Segment => ({
    at,
    seq: 1,
    length: 100,
    flags: 'PA',
    text: 'GET / HTTP/1.1',
  })
  const reply = (at: number, more: Partial<Segment> = {}): Segment => ({
    ...{ at, back: true, seq: 1, ack: 101, length: 500, flags: 'PA' },
    ...more,
  })
  const slow = (segments: Segment[]) =>
    storyOfSegments([...handshake(), ...segments]).flows.flatMap(({ statements }) =>
      statements.map(({ kind, certainty, text }) => [kind, certainty, text].join(', ')),
    )

  test('a server that takes long has a statement with its time, without the round trip', () => {
    const text = 'the server took 2.48 s to answer request 1'
    expect(slow([request(50), reply(50 + 40 + 2480)])).toEqual([`slow-reply, guess, ${text}`])
    const acked = { at: 90, back: true, seq: 1, ack: 101 }
    expect(slow([request(50), acked, reply(50 + 40 + 2480)])).toEqual([
      `slow-reply, guess, ${text}`,
    ])
  })

  test('at the server, the time is seen', () => {
    const near = handshake(0, 0).map((one, i) => ({ ...one, at: i === 2 ? 40 : 0 }))
    const [flow] = storyOfSegments([...near, request(50), reply(2530)]).flows
    expect(flow?.statements).toMatchObject([
      { kind: 'slow-reply', certainty: 'seen', way: 'ba', lasted: 2480e6 },
    ])
  })

  test('the second request has its number, and a quick reply no statement', () => {
    const second = [
      { at: 200, seq: 101, ack: 501, length: 100, flags: 'PA' },
      reply(1740, { seq: 501, ack: 201 }),
    ]
    expect(slow([request(50), reply(90), ...second])).toEqual([
      'slow-reply, guess, the server took 1.5 s to answer request 2',
    ])
    expect(slow([request(50), reply(1000)])).toEqual([])
  })

  test('a reply that is late because its request was lost is not slow', () => {
    expect(
      slow([request(50), request(1500), reply(1540)]).filter(text => text.startsWith('slow')),
    ).toEqual([])
  })
})

describe('a silence at its receiving end', () => {
  const part = (at: number, n: number, flags = 'A'): Segment => ({
    ...{ at, back: true, seq: 1 + 1000 * n, ack: 101, length: 1000, flags },
  })
  const run = (...segments: Segment[]) =>
    textsOf(
      storyOfSegments([...handshake(), { at: 50, seq: 1, length: 100, flags: 'PA' }, ...segments]),
    )
  const acked = (at: number, n: number): Segment => ({ at, seq: 101, ack: 1 + 1000 * n })

  test('is a guess if the sender had more to send', () => {
    const parts = [part(90, 0), part(91, 1), acked(92, 2), part(7500, 2), acked(7500, 3)]
    expect(run(...parts)).toEqual(['ba silence seq 2001 copy 1, guess'])
  })

  test('does not exist after the end of a write, after a short segment, and after less time', () => {
    expect(run(part(90, 0), part(91, 1, 'PA'), acked(92, 2), part(7500, 2))).toEqual([])
    expect(run(part(90, 0), part(91, 1), acked(92, 2), part(2900, 2))).toEqual([])
  })

  test('does not exist while the receiver has no room', () => {
    const closed = [{ ...acked(92, 2), window: 0 }, acked(7400, 2)]
    expect(run(part(90, 0), part(91, 1), ...closed, part(7450, 2))).toEqual([
      'ab zero-window, seen',
    ])
  })
})
