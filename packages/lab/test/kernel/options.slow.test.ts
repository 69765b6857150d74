/** Options and arguments that are not understood are refused in one line, and change nothing. */
import net from 'node:net'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createLab, type Lab, type LabHost, type LabLink } from '../../src/index.ts'

let lab: Lab
let a: LabHost
let b: LabHost
let link: LabLink

beforeEach(async () => {
  lab = await createLab({ seed: 7 })
  ;[a, b] = lab.hosts('a', 'b')
  link = await lab.cable(a, b, { wire: 'delay 1ms' })
})
afterEach(() => lab.close())

/** Any function, called with whatever a test in JavaScript may pass. */
type Call = (given: never) => unknown

/** A call, what it is given, and the error. */
type Refused = readonly [call: string, fn: Call, given: unknown, message: string]

const WIRE = "is not a text such as 'delay 20ms', or { ab, ba } with the text of each direction"
const OPTIONS = 'is not an object with options'
const LAN_OPTIONS =
  'wire, mtu, capture, addresses, network, network6, gateway, hosts, dhcp, dns, ra'

const REFUSED: readonly Refused[] = [
  ['createLab', given => createLab(given), null, `createLab: null ${OPTIONS}`],
  ['createLab', given => createLab(given), [], `createLab: [] ${OPTIONS}`],
  [
    'createLab',
    given => createLab(given),
    { seed: '7' },
    "createLab: seed: '7' is not a whole number",
  ],
  [
    'createLab',
    given => createLab(given),
    { stages: 'my.js' },
    "createLab: stages: 'my.js' is not a list of files",
  ],
  ['createLab', given => createLab(given), { stages: ['/no.js'] }, '/no.js: no such file'],
  [
    'createLab',
    given => createLab(given),
    { signal: 5 },
    'createLab: signal: 5 is not an AbortSignal',
  ],
  ['cable', given => lab.cable(a, b, given), 'delay 1ms', `cable: 'delay 1ms' ${OPTIONS}`],
  ['cable', given => lab.cable(a, b, given), null, `cable: null ${OPTIONS}`],
  ['cable', given => lab.cable(a, b, given), { wire: 5 }, `cable: wire: 5 ${WIRE}`],
  ['cable', given => lab.cable(a, b, given), { wire: {} }, `cable: wire: {} ${WIRE}`],
  [
    'cable',
    given => lab.cable(a, b, given),
    { wire: ['loss 1%'] },
    `cable: wire: [ 'loss 1%' ] ${WIRE}`,
  ],
  ['cable', given => lab.cable(a, b, given), { wire: { ab: 5 } }, `cable: wire: { ab: 5 } ${WIRE}`],
  [
    'cable',
    given => lab.cable(a, b, given),
    { wire: { ab: '', bc: '' } },
    `cable: wire: { ab: '', bc: '' } ${WIRE}`,
  ],
  [
    'cable',
    given => lab.cable(a, b, given),
    { mtu: '9000' },
    "cable: mtu: '9000' is not a whole number",
  ],
  [
    'cable',
    given => lab.cable(a, b, given),
    { capture: 'x' },
    "cable: capture: 'x' is not true or false",
  ],
  [
    'cable',
    given => lab.cable(a, b, given),
    { addresses: 5 },
    'cable: addresses 5: give a list for each end',
  ],
  ['cable to itself', given => lab.cable(a, a, given), {}, 'cable: a is named twice'],
  [
    'router',
    given => lab.router('r', given),
    { inside: { name: 'a' } },
    "router r: inside: { name: 'a' } is not a list of hosts",
  ],
  [
    'router',
    given => lab.router('r', given),
    { inside: ['a'] },
    "router r: 'a' is not a host of the lab",
  ],
  [
    'router',
    given => lab.router('r', given),
    { outside: 'b' },
    "router r: 'b' is not a host of the lab",
  ],
  [
    'router',
    given => lab.router('r', given),
    { nat: true },
    'router r: nat: true is not a NAT, which are masquerade,',
  ],
  ['lan', given => lab.lan(given, a), { wire: 5 }, `lan: wire: 5 ${WIRE}`],
  [
    'lan',
    given => lab.lan(given, a),
    { addresses: 'no' },
    "lan: addresses: 'no' is not true or false",
  ],
  ['lan', given => lab.lan(given, a), { capture: 1 }, 'lan: capture: 1 is not true or false'],
  [
    'lan',
    given => lab.lan(given, a),
    { captures: true },
    `lan: no option is called 'captures', but ${LAN_OPTIONS}`,
  ],
  ['topology', given => lab.topology(given), null, `topology: null ${OPTIONS}`],
  ['topology', given => lab.topology(given), { hosts: 'c' }, "topology: hosts: 'c' is not a list"],
  [
    'topology',
    given => lab.topology(given),
    { hosts: [], lans: [] },
    'topology: lans: [] is not an object',
  ],
  [
    'topology',
    given => lab.topology(given),
    { hosts: ['c'], cables: { x: null } },
    'cable x: null is not an object',
  ],
  ['link.wire', given => link.wire(given), {}, `wire: {} ${WIRE}`],
  ['link.wire', given => link.wire(given), ['loss 1%'], `wire: [ 'loss 1%' ] ${WIRE}`],
  ['link.wire', given => link.wire(given), undefined, `wire: undefined ${WIRE}`],
  [
    'link.ab.wire',
    given => link.ab.wire(given),
    { ab: '' },
    "ab.wire: { ab: '' } is not a text such as",
  ],
  [
    'link.down',
    given => link.down(given),
    100,
    'down: 100 is not expected: the function takes no arguments',
  ],
  ['link.up', given => link.up(given), 100, 'up: 100 is not expected'],
  [
    'link.offline',
    given => link.offline(given),
    '1s',
    "offline(ms): '1s' is not a number of milliseconds",
  ],
  [
    'link.partition',
    given => link.partition(given),
    '1s',
    "partition(ms): '1s' is not a number of milliseconds",
  ],
  [
    'link.ab.drop',
    given => link.ab.drop(given),
    { nth: 1 },
    "fault: { nth: 1 } is not a filter, such as 'tcp port",
  ],
  ['link.ab.drop', given => link.ab.drop(given), '', "fault: '' is not a filter"],
  ['link.ab.drop', given => link.ab.drop('tcp', given), 3, `fault: 3 ${OPTIONS}`],
  [
    'link.ab.drop',
    given => link.ab.drop('tcp', given),
    { nth: '2' },
    "fault: nth: '2' is not a whole number of at least",
  ],
  [
    'link.ab.drop',
    given => link.ab.drop('tcp', given),
    { last: 1 },
    "fault: no option is called 'last', but first,",
  ],
  [
    'link.ab.drop',
    given => link.ab.drop('tcp', given),
    { after: true },
    'fault: after: true is not a time',
  ],
  [
    'link.ab.fault',
    given => link.ab.fault(given),
    5,
    "fault: 5 is not a fault: 'drop', 'duplicate',",
  ],
  ['link.ab.fault', given => link.ab.fault(given), 'lose', 'a fault is one of drop, duplicate'],
  [
    'link.ab.fault',
    given => link.ab.fault(given),
    { delay: true },
    'fault: delay: true is not a time',
  ],
  [
    'link.ab.fault',
    given => link.ab.fault(given),
    { delay: '1ms', loss: 1 },
    "fault: no option is called 'loss'",
  ],
  [
    'exec',
    given => a.exec('true', given),
    [{}],
    "true: [ {} ] is not a list of arguments, such as ['-c1', 'server']",
  ],
  ['exec', given => a.exec('true', [], given), null, `true: null ${OPTIONS}`],
  ['exec', given => a.exec(given), '', "exec: '' is not a program"],
  [
    'exec',
    given => a.exec('true', [], given),
    { timeOut: 5 },
    "true: no option is called 'timeOut', but ",
  ],
  [
    'exec',
    given => a.exec('true', [], given),
    { stdio: 'ignore' },
    "true: no option is called 'stdio', but ",
  ],
  [
    'exec',
    given => a.exec('true', [], given),
    { input: 5 },
    'true: input: 5 is not text or a Uint8Array',
  ],
  [
    'exec',
    given => a.exec('true', [], given),
    { shell: true },
    'true: shell: true is not possible: run sh,',
  ],
  [
    'spawn',
    async given => a.spawn('true', [], given),
    { input: 'x' },
    "true: no option is called 'input', but ",
  ],
  [
    'listen',
    given => a.listen(net.createServer(), given),
    { port: 80 },
    'port { port: 80 }: a port is a number',
  ],
  [
    'listen',
    given => a.listen(net.createServer(), 0, given),
    5,
    '5 is not an IP address to listen on',
  ],
  [
    'createSocket',
    given => a.createSocket(given),
    { type: 'udp4', reusePort: true },
    "no option is called 'reusePort'",
  ],
  ['createSocket', given => a.createSocket(given), null, `createSocket: null ${OPTIONS}`],
  [
    'fetch',
    given => a.fetch('http://b/', given),
    { agent: 1 },
    "fetch: no option is called 'agent', but method,",
  ],
  [
    'fetch',
    given => a.fetch('http://b/', given),
    { tls: true },
    'fetch: tls: true is not an object',
  ],
  [
    'worker',
    async given => a.worker('x.js', given),
    { eval: true },
    "worker: no option is called 'eval', but argv,",
  ],
]

test.each(REFUSED)('%s refuses what it does not understand (%#)', async (_, fn, given, message) => {
  await expect(fn(given as never)).rejects.toThrow(message)
  await expect(fn(given as never)).rejects.toThrow(/^[^\n]*$/)
  expect(a.interfaces.map(({ name }) => name)).toEqual(['b'])
  const { ab, ba } = await link.stats()
  expect([ab.text, ba.text, ab.stages.length]).toEqual(['delay 1ms', 'delay 1ms', 1])
  // No name was taken.
  expect(lab.hosts('r', 'c').length).toBe(2)
})

test('linkTo and portOf name what is not a namespace', async () => {
  const router = await lab.router('router', { inside: [a] })
  expect(() => router.linkTo('a' as never)).toThrow("was not made with a link to 'a'")
  const lan = await lab.lan({}, a)
  expect(() => lan.portOf(undefined as never)).toThrow('undefined is not a port of this lan')
})

describe('words for each direction', () => {
  const wordsOf = async (each: LabLink) => {
    const { ab, ba } = await each.stats()
    return [ab.text, ba.text]
  }

  test('are taken when a cable is made, and a direction without words does nothing', async () => {
    expect(
      await wordsOf(await lab.cable(a, b, { wire: { ab: 'delay 2ms', ba: 'loss 100%' } })),
    ).toEqual(['delay 2ms', 'loss 100%'])
    const one = { ba: 'loss 100%', ab: undefined } as { ba: string }
    expect(await wordsOf(await lab.cable(a, b, { wire: one }))).toEqual(['', 'loss 100%'])
  })

  test('lead to the segment as ab and from it as ba, at each port of a lan', async () => {
    const lan = await lab.lan({ wire: { ab: 'delay 2ms', ba: 'delay 3ms' } }, a, b)
    for (const port of [a, b]) {
      expect(await wordsOf(lan.portOf(port))).toEqual(['delay 2ms', 'delay 3ms'])
    }
  })

  test('replace the words of a running link, and a direction without words keeps its own', async () => {
    const events: unknown[] = []
    link.on('wire', (direction, words) => events.push([direction, words]))
    await link.wire({ ba: 'delay 4ms' })
    expect(await wordsOf(link)).toEqual(['delay 1ms', 'delay 4ms'])
    await link.wire({ ab: '', ba: 'loss 1%' })
    expect(await wordsOf(link)).toEqual(['', 'loss 1%'])
    expect(events).toEqual([
      ['ba', 'delay 4ms'],
      ['ab', ''],
      ['ba', 'loss 1%'],
    ])
  })
})
