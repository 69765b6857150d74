/** The text of tests that are written for stories. */
import { expect, test } from 'vitest'
import { neighbourhood } from '../../src/story/neighbourhood.ts'
import { storyTest, storyTraces, type WriteOptions } from '../../src/story/write-text.ts'
import { flowStory, message, STORIES, statement, storyOf } from '../support/stories.ts'

const SECRETS = [
  'POST /people/anna.smith/report-2026.pdf?token=t0ken&user=anna HTTP/1.1',
  'Host: intranet.example.com',
  'Authorization: Bearer abcdef123456',
  'Cookie: session=s3cr3t',
  '',
  '--x\r\nContent-Disposition: form-data; name="file"; filename="salaries.xlsx"\r\n\r\npassword=hunter2',
].join('\r\n')

const REPLY =
  'HTTP/1.1 302 Found\r\nLocation: https://intranet.example.com/anna\r\nSet-Cookie: id=42abc\r\n\r\n'

const WORDS =
  /anna|smith|report|pdf|token|t0ken|intranet|example|Authorization|Bearer|abcdef|cookie|session|s3cr3t|salaries|xlsx|form-data|password|hunter2|Location|42abc|10\.\d+\.\d+\.\d+|said/i

const personal = storyOf(
  flowStory({
    messages: [message('ab', 41, 900, SECRETS), message('ba', 91, 400, REPLY)],
    statements: [
      statement({
        kind: 'lost',
        way: 'ab',
        at: 41,
        packet: { part: 'seq', n: 1, copy: 1 },
        verb: 'drop',
        text: 'said',
      }),
      statement({
        kind: 'query-repeated',
        way: 'ab',
        at: 50,
        text: 'intranet.example.com was asked for twice',
      }),
    ],
  }),
  flowStory({
    protocol: 'udp',
    server: { address: '10.9.8.7', port: 53 },
    application: 'dns',
    messages: [message('ab', 0, 60, '\0\x01intranet\x07example\x03com\0')],
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
)

test('a written test has no contents, names and addresses of its capture', () => {
  for (const options of [{}, { client: './c.mjs' }] satisfies WriteOptions[]) {
    const text = storyTest(personal, options)
    expect(text).not.toMatch(WORDS)
    expect(text).toContain(',"POST /')
  }
})

test('with contents, a written test has the first bytes of its messages', () => {
  const text = storyTest(personal, { withContent: true })
  for (const word of ['anna.smith', 's3cr3t', 'salaries.xlsx', 'hunter2', '42abc', 'intranet']) {
    expect(text).toContain(word)
  }
})

test('a written test has the pauses of each end, without the round trips and the time after a fault', () => {
  const pauses = (name: string) =>
    [...storyTest(STORIES[name]!).matchAll(/^ {4}\["(ab|ba)",(\d+),(\d+)/gm)].map(([, ...rest]) =>
      rest.join(' '),
    )
  expect(pauses('a lost segment of HTTP')).toEqual(['ab 1 120', 'ba 10 5000'])
  expect(pauses('a lost query')).toEqual(['ab 0 40', 'ab 5000 40', 'ba 10 90'])
  expect(pauses('a silence that ends')).toEqual([
    'ab 1 120',
    'ba 10 5000',
    'ab 9909 120',
    'ba 0 120',
  ])
})

test('a written test has a link for each pair of hosts, with its delay, rate, queue and MTU', () => {
  const text = storyTest(STORIES['several servers and connections']!)
  expect(text).toContain("await lab.cable(client, server, { wire: 'delay 20ms' })")
  expect(text).toContain(
    "{ wire: { ab: 'rate 2mbit -14 | delay 20ms', ba: 'delay 20ms' }, mtu: 1340 })",
  )
  expect(text).toContain("'drop client-server ab tcp client:*#2 > server:80 seq 0'")
  expect(text).toContain("'drop client-server2 ab tcp client:* > server2:* seq 1289 copy 2'")
})

test('a queue has its limit, unless faults lose its packets', () => {
  const ways = {
    ab: { packets: 10, bytes: 0, rate: 2e6, queue: 100e6 },
    ba: { packets: 10, bytes: 0, rate: undefined, queue: undefined },
  }
  expect(storyTest(storyOf(flowStory({ ways })))).toContain(
    "ab: 'rate 2mbit -14 limit 100ms | delay 20ms'",
  )
  const packet = { part: 'seq', n: 1, copy: 1 } as const
  const lost = [statement({ kind: 'lost', way: 'ab', at: 50, packet, verb: 'drop' })]
  expect(storyTest(storyOf(flowStory({ ways, statements: lost })))).toContain(
    "ab: 'rate 2mbit -14 | delay 20ms'",
  )
})

test('a test has more time for each fault', () => {
  const faults = (count: number) =>
    Array.from({ length: count }, (_, i) =>
      statement({
        kind: 'lost',
        way: 'ab',
        at: i,
        packet: { part: 'seq', n: 1 + i, copy: 1 },
        verb: 'drop',
      }),
    )
  const timeout = (count: number) => {
    const story = storyOf(
      flowStory({ messages: [message('ab', 41, 100)], statements: faults(count) }),
    )
    return Number(/timeout: (\d+)/.exec(storyTest(story))?.[1])
  }
  expect(timeout(41) - timeout(1)).toBe(20_000)
})

test('jitter is written as such, and a few late round trips are not', () => {
  const wireOf = (min: number, median: number, p95: number) => {
    const ab = { samples: 20, min: min * 1e6, median: median * 1e6, p95: p95 * 1e6, max: 900e6 }
    return /wire: '(.*)'/.exec(storyTest(storyOf(flowStory({ rtt: { ab, ba: undefined } }))))?.[1]
  }
  expect(wireOf(20, 40, 60)).toBe('delay 20ms 10ms ordered')
  expect(wireOf(40, 40, 90)).toBe('delay 20ms')
})

test('delays that change over time are a trace in a file of its own', () => {
  const trend = Array.from(
    { length: 20 },
    (_, i) => [(100 + i * 50) * 1e6, (20 + 5 * i) * 1e6] as const,
  )
  const ab = { samples: 20, min: 20e6, median: 65e6, p95: 110e6, max: 115e6, trend }
  const { trend: _, ...ba } = { ...ab, min: 4e6, median: 4e6, p95: 4e6 }
  const story = storyOf(flowStory({ begin: 100, rtt: { ab, ba } }))
  expect(storyTest(story, { traces: 'retry.' })).toContain(
    '{ wire: `trace "\x24{traces}client-server.csv" once` }',
  )
  expect(storyTest(story)).toMatch(/wire: 'delay 34.5ms 22.5ms ordered'/)
  const [[name, text = ''] = []] = storyTraces(story, {})
  expect(name).toBe('client-server.csv')
  expect(text.split('\n').slice(0, 3)).toEqual(['time,delay', '0.000,12.000', '0.050,14.500'])
})

test('a silence has its length, or no end if the capture ends within it', () => {
  const packet = { part: 'seq', n: 1, copy: 1 } as const
  const text = (lasts: number, end: 'fin' | 'open') =>
    storyTest(
      storyOf(
        flowStory({
          end,
          statements: [
            statement({ kind: 'silence', way: 'ab', at: 100, lasts, packet, verb: 'silence' }),
          ],
        }),
      ),
      {},
    )
  expect(text(800, 'fin')).toContain('silence 800ms client-server ab')
  expect(text(50_000, 'open')).not.toMatch(/silence \d/)
})

test('statements without a packet are listed in a comment', () => {
  const statements = [
    statement({ kind: 'zero-window', way: 'ba', at: 50, lasts: 3200, certainty: 'inferred' }),
    statement({
      kind: 'lost',
      way: 'ba',
      at: 60,
      packet: { part: 'ack', n: 3, copy: 1 },
      verb: 'drop',
    }),
  ]
  const text = storyTest(storyOf(flowStory({ statements, messages: [message('ab', 41, 5)] })))
  expect(text).toContain('// Not repeated: zero-window ba for 3.2s (inferred, frames 7)\n')
  expect(text).toContain('// Not repeated: lost ba (seen, frames 7)\n')
  expect(text).toContain('explore.repeat(scenario, [\n  ], ')
})

test('the neighbourhood has a verdict for the packet after a lost one', async () => {
  const table = await neighbourhood(STORIES['a lost query']!, {})
  const lost = 'drop client-server ab udp client:* > server:53 packet'
  expect(table.split('\n').map(row => row.split(/ {2,}/))).toEqual([
    ['no fault', 'passed'],
    ['captured', 'passed', `${lost} 1`],
    ['later', 'passed', `${lost} 2`],
  ])
})
