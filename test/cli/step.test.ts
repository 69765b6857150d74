/** `vnet step` on a served snull, and on halts that a test makes. */
import { afterEach, expect, test, vi } from 'vitest'
import { EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient } from '#src/control/index.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { numbered, sendAll } from '#support/memory-net.ts'
import { servedNets } from '#support/served-nets.ts'
import { flowFrame } from '#support/snull-pair.ts'

const { serve, runMain } = servedNets()
afterEach(() => vi.restoreAllMocks())

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const client = ControlClient.prototype
const NONE = 'on: no frame waits yet: send one, by ping for instance, or look again\n'

/** A vnet with stepping on. Returns a function that sends a frame from sn0. */
async function stepped() {
  const { ports } = await serve(snull, ['sn0', 'red/sn1'])
  expect(await runMain('step', 'sn0', 'on')).toEqual(ok(NONE))
  return (frame: Uint8Array) => sendAll(ports[0]!, frame)
}

/** The state of a halt with this frame, at 0x88b5 by default. */
function halted(count: number, frame?: Uint8Array, length = frame?.length ?? 0) {
  const device = { ifindex: 8, name: 'sn1', netns: 'red' }
  const place = { number: 2, device, queue: 1, next: 'ndoStartXmit', source: undefined, count }
  return {
    mode: 'on',
    every: 0,
    halt: { ...place, frame: frame && { length, bytes: frame } },
  } as const
}

test('step prints where a frame waits, the frame, and the lines of the driver that run next', async () => {
  await stepped()
  const { mode, every, halt } = halted(
    1,
    Uint8Array.from([...numbered(1)[0]!.subarray(0, 14), 1, 2, 3]),
  )
  const source = {
    file: '/a.js',
    line: 10,
    first: 9,
    lines: ['function xmit(skb) {', '  skb.drop()'],
  }
  vi.spyOn(client, 'step').mockResolvedValue({ mode, every, halt: { ...halt, source } })
  const { stdout, ...rest } = await runMain('step', 'sn0')
  expect(rest).toEqual({ status: 0, stderr: '' })
  expect(stdout.split('\n')).toEqual([
    'step 2 of 5, red/sn1, queue 1: ndoStartXmit',
    '',
    expect.stringMatching(/^17 bytes: .*0x88b5/),
    expect.stringMatching(/^ {2}Ethernet: .*02:00:00:00:00:08/),
    '  0000  02 00 00 00 00 09 02 00 00 00 00 08 88 b5 01 02',
    '  0010  03',
    '',
    '/a.js:',
    '   9  function xmit(skb) {',
    '> 10    skb.drop()',
    '',
  ])
})

test('each step next prints the next step of a frame', async () => {
  const send = await stepped()
  send(flowFrame(0, 0))
  expect(await runMain('step', 'sn0')).toEqual(ok('step 1 of 5, sn0, queue 0: read\n'))
  const heads: (string | undefined)[] = []
  for (const _ of [2, 3]) {
    heads.push((await runMain('step', 'sn0', 'next')).stdout.split('\n')[0])
  }
  expect(heads).toEqual([
    'step 2 of 5, sn0, queue 0: ndoStartXmit',
    'step 3 of 5, red/sn1, queue 0: interrupt',
  ])
})

test('step next --filter runs the steps of other frames and of none, each once, up to a frame that matches', async () => {
  await serve(snull, ['sn0', 'red/sn1'])
  const arp = new Uint8Array(60).fill(1)
  arp.set([8, 6], 12)
  const [poll, other, wanted] = [halted(41), halted(42, arp, 300), halted(43, numbered(1)[0])]
  const step = vi.spyOn(client, 'step')
  const next = (filter: string, ...states: (typeof poll)[]) => {
    for (const state of states) {
      step.mockResolvedValueOnce(state)
    }
    return runMain('step', 'sn0', 'next', '--filter', filter)
  }
  const found = {
    status: 0,
    stdout: expect.stringMatching(/^step 2 of 5, red\/sn1, queue 1: ndoStartXmit\n/),
  }
  expect(await next('ether proto 0x88b5', poll, other, wanted)).toMatchObject(found)
  expect(step.mock.calls.map(([, , mode, options]) => [mode, options?.count])).toEqual([
    ['next', undefined],
    ['next', 41],
    ['next', 42],
  ])
  expect(await next('arp and len = 300', other)).toMatchObject(found)
  // Only 60 of its bytes are known.
  expect(await next('ether proto 0x88b5 or ether[100] != 300', other, wanted)).toMatchObject(found)
  expect(step).toHaveBeenCalledTimes(6)
})

test('step says where the frame is, also if the drops cannot be read after it', async () => {
  await stepped()
  vi.spyOn(client, 'allStats')
    .mockResolvedValueOnce([])
    .mockRejectedValueOnce(new VnetError(EPERM, 'fake'))
  expect(await runMain('step', 'sn0', 'next')).toEqual(ok(NONE))
})

test('step says where and why the step dropped a frame', async () => {
  const send = await stepped()
  const [frame] = numbered(1)
  const next = (...args: string[]) => {
    send(frame!)
    return runMain('step', 'sn0', 'next', ...args)
  }
  await next()
  expect(await runMain('step', 'sn0', 'next')).toEqual(
    ok(`dropped at sn0 (tx): UNHANDLED_PROTO\n${NONE}`),
  )
  await next()
  const { dropped } = JSON.parse((await runMain('step', 'sn0', 'next', '--json')).stdout)
  expect(dropped).toEqual([
    { interface: 'sn0', direction: 'tx', reason: 'UNHANDLED_PROTO', frames: 1 },
  ])
  expect(JSON.parse((await runMain('step', 'sn0', '--json')).stdout)).not.toHaveProperty('dropped')
})

test('step --json prints one object', async () => {
  const send = await stepped()
  send(numbered(1)[0]!)
  const { stdout } = await runMain('step', 'sn0', 'next', '--json')
  const { halt, ...rest } = JSON.parse(stdout)
  expect(rest).toEqual({ event: 'step', mode: 'on', every: 0 })
  const headers = [{ name: 'Ethernet', fields: expect.any(Array) }]
  const frame = {
    length: 60,
    text: expect.stringMatching(/0x88b5/),
    headers,
    bytes: expect.stringMatching(/^020000000009.{108}$/),
  }
  const source = {
    file: expect.stringMatching(/snull\/driver\.ts$/),
    line: expect.any(Number),
    first: expect.any(Number),
  }
  expect(halt).toMatchObject({
    step: 2,
    interface: 'sn0',
    queue: 0,
    next: 'ndoStartXmit',
    frame,
    source,
  })
  expect(halt.source.lines[0]).toContain('function startXmit(')
})

test('step says that stepping is off, and how often a frame moves by itself', async () => {
  await stepped()
  expect(await runMain('step', 'sn0', 'on', '--every', '500ms')).toEqual(ok(NONE))
  expect(JSON.parse((await runMain('step', 'sn0', '--json')).stdout)).toMatchObject({
    every: 500,
    halt: null,
  })
  expect(await runMain('step', 'sn0', 'off')).toEqual(ok('off\n'))
})

test.each([
  [['next', '--every', '1s'], '--every belongs to `step IF on`'],
  [['on', '--filter', 'icmp'], '--filter belongs to `step IF next`'],
])('step sn0 %j is refused', async (args, line) => {
  expect(await runMain('step', 'sn0', ...args)).toEqual({
    status: 2,
    stdout: '',
    stderr: `vnet: ${line}\n`,
  })
})
