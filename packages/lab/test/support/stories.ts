/** Stories made by hand, as the reader of captures makes them. Times are in ms. */
import type { FlowStory, Message, Statement, Story, Way } from '../../src/story/story.ts'

const MS = 1e6

/** Returns a message at a time, with contents up to its length. */
export function message(way: Way, at: number, length: number, content = ''): Message {
  return { way, time: at * MS, length, content: Buffer.from(content, 'latin1').subarray(0, length) }
}

export function statement(
  given: Omit<Statement, 'certainty' | 'time' | 'frames' | 'text' | 'lasted'> &
    Partial<Pick<Statement, 'certainty' | 'text'>> & {
      readonly at: number
      readonly lasts?: number
    },
): Statement {
  const { at, lasts, ...rest } = given
  const lasted = lasts === undefined ? {} : { lasted: lasts * MS }
  return { certainty: 'seen', frames: [7], text: 'said here', ...rest, time: at * MS, ...lasted }
}

const distribution = (ms: number) => ({
  samples: 20,
  min: ms * MS,
  median: ms * MS,
  p95: ms * MS,
  max: ms * MS,
})
const NO_RATE = { packets: 10, bytes: 0, rate: undefined, queue: undefined }

/** Returns a flow that was captured at the client, with a round trip of 40 ms. */
export function flowStory(
  given: Partial<Omit<FlowStory, 'begin' | 'last'>> & { begin?: number; last?: number } = {},
): FlowStory {
  const { begin = 0, last = 1000, ...rest } = given
  return {
    protocol: 'tcp',
    client: { address: '10.1.2.3', port: 40_000 },
    server: { address: '10.9.8.7', port: 80 },
    isTimed: true,
    isWhole: true,
    end: 'fin',
    place: 'client',
    application: undefined,
    rtt: { ab: distribution(40), ba: undefined },
    ways: { ab: NO_RATE, ba: NO_RATE },
    mss: 1460,
    statements: [],
    messages: [],
    more: 0,
    ...rest,
    begin: begin * MS,
    last: last * MS,
  }
}

export function storyOf(...flows: FlowStory[]): Story {
  const lasted = Math.max(...flows.map(({ last }) => last))
  const counts = { packets: 100, untimed: 0, forgotten: 0, others: new Map(), notes: [] }
  return { ...counts, seconds: 1_700_000_000, lasted, flows }
}

const drop = (way: Way, n: number, at: number, copy = 1): Statement =>
  statement({ kind: 'lost', way, at, packet: { part: 'seq', n, copy }, verb: 'drop' })
const exchange = [message('ab', 41, 120), message('ba', 91, 5000)]
/** A request after 10 s without packets. */
const later = message('ab', 10_000, 120)

/** A story of each kind. The tests that are written for them pass. */
export const STORIES: Readonly<Record<string, Story>> = {
  'a lost segment of HTTP': storyOf(
    flowStory({
      application: 'http',
      messages: [
        message('ab', 41, 120, 'GET /items/1?token=abc HTTP/1.1\r\nHost: shop\r\n'),
        message('ba', 91, 5000, 'HTTP/1.1 200 OK\r\n'),
      ],
      statements: [drop('ba', 1449, 95)],
    }),
  ),
  'a lost query': storyOf(
    flowStory({
      protocol: 'udp',
      server: { address: '10.9.8.7', port: 53 },
      end: 'open',
      last: 5100,
      messages: [message('ab', 0, 40), message('ab', 5000, 40), message('ba', 5050, 90)],
      statements: [
        statement({
          kind: 'query-repeated',
          way: 'ab',
          at: 0,
          packet: { part: 'packet', n: 1, copy: 1 },
          verb: 'drop',
        }),
      ],
    }),
  ),
  'a silence that ends': storyOf(
    flowStory({
      last: 15_000,
      messages: [...exchange, later, message('ba', 13_400, 120)],
      statements: [
        statement({
          kind: 'silence',
          way: 'ab',
          at: 10_000,
          lasts: 3000,
          packet: { part: 'seq', n: 121, copy: 1 },
          verb: 'silence',
        }),
      ],
    }),
  ),
  'a silence without an end': storyOf(
    flowStory({
      end: 'open',
      last: 12_000,
      messages: [...exchange, later],
      statements: [
        statement({
          kind: 'silence',
          way: 'ab',
          at: 10_000,
          lasts: 2000,
          packet: { part: 'seq', n: 121, copy: 1 },
          verb: 'silence',
        }),
      ],
    }),
  ),
  'a reset': storyOf(
    flowStory({
      end: 'reset',
      messages: [...exchange, message('ab', 200, 120)],
      statements: [
        statement({
          kind: 'reset',
          way: 'ab',
          at: 240,
          packet: { part: 'seq', n: 121, copy: 1 },
          verb: 'reset',
        }),
      ],
    }),
  ),
  'a black hole for large packets': storyOf(
    flowStory({
      end: 'open',
      last: 8000,
      messages: [
        message('ab', 41, 120),
        message('ba', 91, 800),
        message('ab', 200, 120),
        message('ba', 250, 5000),
      ],
      statements: [
        statement({
          kind: 'black-hole',
          way: 'ba',
          at: 250,
          lasts: 7700,
          certainty: 'guess',
          packet: { part: 'seq', n: 801, copy: 1 },
          verb: 'drop',
          size: 1448,
        }),
      ],
    }),
  ),
  'a NAT that forgot': storyOf(
    flowStory({
      end: 'reset',
      last: 11_000,
      messages: [...exchange, later],
      statements: [
        statement({
          kind: 'forgotten',
          way: 'ab',
          at: 10_000,
          packet: { part: 'seq', n: 121, copy: 1 },
          verb: 'rebind',
        }),
      ],
    }),
  ),
  'several servers and connections': storyOf(
    flowStory({ messages: exchange, statements: [drop('ab', 1, 41)] }),
    flowStory({
      begin: 10,
      client: { address: '10.1.2.3', port: 40_001 },
      messages: [message('ab', 51, 120), message('ba', 101, 5000)],
      statements: [drop('ab', 0, 10)],
    }),
    flowStory({
      begin: 20,
      server: { address: '10.1.2.9', port: 50_051 },
      mss: 1300,
      messages: [message('ba', 61, 120), message('ab', 101, 5000)],
      statements: [drop('ab', 1289, 110), drop('ab', 1289, 310, 2)],
      ways: { ab: { ...NO_RATE, rate: 2e6, queue: 100 * MS }, ba: NO_RATE },
    }),
  ),
}
