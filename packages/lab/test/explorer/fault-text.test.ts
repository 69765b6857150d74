/** The text of faults, and the options of explore. */
import { expect, test } from 'vitest'
import { formatFault, parseFault, parseKind, withEnds } from '../../src/explore/fault-text.ts'
import { explore } from '../../src/index.ts'

const NAME = 'client-server ab tcp client:* > server:80 seq 1'

test('reads the text of a fault that it has written', () => {
  for (const text of [
    `drop ${NAME}`,
    `delay 12ms ${NAME} copy 2`,
    'reset a-b ba tcp b:1 > a:* ack 2',
    'drop 5g-b ab udp a:* > b:7 packet 1',
    'fin a-b ba tcp b:1 > a:* byte 0',
    'abort a-b ba tcp b:1 > a:* byte 20',
    'abort a-b ba tcp b:1 > a:* rst 1',
  ]) {
    expect(formatFault(parseFault(text))).toBe(text)
  }
})

test('reads delays as multiples of the round trip or as times', () => {
  expect(parseKind('delay')).toMatchObject({ verb: 'delay', rtts: 3, time: 0 })
  expect(parseKind('delay 1.5rtt')).toMatchObject({ rtts: 1.5 })
  expect(parseKind('delay 20ms')).toMatchObject({ rtts: 0, time: 20e6 })
})

test('a fault of hosts without a name hits the hosts of flows, but no other ends of them', () => {
  const flows = [
    'tcp a:* > b:80',
    'udp 198.18.0.9:53 > a:*#2',
    'icmp6 c > [2001:db8::9]',
    'ip-47 a > [2001:db8::9]',
    'tcp d:80#old > b:*',
  ]
  const packets = flows.map(flow => ({ flow }))
  const kinds = ['drop', 'silence 1s', 'crash', 'pause 2s on b', 'forget on b'].map(parseKind)
  const texts = withEnds(kinds, packets).map(({ text, on, isOfEnd }) => [text, on, isOfEnd])
  expect(texts).toEqual([
    ['drop', undefined, undefined],
    ['silence 1s', undefined, undefined],
    ['crash on a', 'a', true],
    ['crash on b', 'b', true],
    ['crash on c', 'c', true],
    ['crash on d', 'd', true],
    ['pause 2s on b', 'b', false],
    ['forget on b', 'b', true],
  ])
})

test.each(['dorp', 'drop 5ms', 'delay 1rtt 2rtt', ''])('refuses %j as a fault', text => {
  expect(() => parseKind(text)).toThrow(`faults: '${text}' is not a fault: drop, duplicate`)
})

test('refuses a fault of a connection that is not at a byte', () => {
  const needsByte = 'is at a byte of a stream: ... byte 1'
  expect(() => parseFault(`fin ${NAME}`)).toThrow(new RegExp(`fin ${needsByte}$`))
  expect(() => parseFault('fin a-b ba tcp b:1 > a:* rst 1')).toThrow(`fin ${needsByte}`)
  expect(() => parseFault(`abort ${NAME}`)).toThrow(`abort ${needsByte}, or at a reset: ... rst 1`)
})

test('refuses a planned delay without a time', () => {
  expect(() => parseFault(`delay ${NAME}`)).toThrow('a delay has a time: delay 50ms')
})

const scenario = () => {}

test.each<[object, string]>([
  [{ fault: ['drop'] }, "explore: no option is called 'fault'"],
  [{ faults: [] }, 'explore: faults: [] is not a list of faults'],
  [{ faults: ['dorp'] }, "faults: 'dorp' is not a fault"],
  [{ stopAt: 0 }, 'explore: stopAt: 0 is not a whole number of at least 1'],
  [{ rtoMin: true }, "explore: rtoMin: true is not a duration, such as '50ms'"],
  [
    { concurrency: 2 },
    'explore: a function runs one at a time; for concurrency give the path of a module',
  ],
  [{ reuse: true }, 'explore: reuse: a function always runs in this process: leave it out'],
])('refuses the options %j before the first run', async (options, message) => {
  await expect(explore(scenario, options)).rejects.toThrow(message)
})

test('refuses a scenario that is neither a function nor a module', async () => {
  await expect(explore(undefined as never)).rejects.toThrow(
    'explore(scenario): expected a function, or the path or URL of a module',
  )
})

test('refuses to reuse processes in a guest, in which runs continue each other', async () => {
  await expect(explore('scenario.mjs', { world: 'guest', reuse: true })).rejects.toThrow(
    'explore: reuse: in a guest each run continues another one: leave it out',
  )
})

test('refuses an invariant beside a module, which runs in another process', async () => {
  await expect(explore('scenario.mjs', { invariant: () => {} })).rejects.toThrow(
    'explore: the module runs in another process: export `invariant` from it',
  )
})
