/** `vnet frames`: of served cables, and of streams that a test makes. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { ECONNREFUSED, EPERM, VnetError } from '#src/base/errno.ts'
import type { CapturedPacket } from '#src/capture/packet.ts'
import { writeInterface, writePacket, writeSection } from '#src/capture/pcapng-writer.ts'
import { main } from '#src/cli/main.ts'
import type { Io } from '#src/cli/process/io.ts'
import { ControlClient } from '#src/control/index.ts'
import { driver as cable } from '#src/drivers/cable.ts'
import { turn } from '#support/memory-net.ts'
import { captured, servedNets, streamOf } from '#support/served-nets.ts'
import { buildFrame, plain } from '../packet/frames.ts'

const { serve, directory, runMain, startMain } = servedNets()
const udp = buildFrame({ packet: plain, tags: [], padding: [] })
const UDP = 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5'
/** Lines without their time. */
const lines = (stdout: string) => stdout.split('\n').map(line => line.replace(/^\d\d:[\d:.]+ /, ''))

let vnet: Awaited<ReturnType<typeof cableOf>>
const cableOf = (wire?: string) =>
  serve(cable, ['ca', 'red/cb'], { wireAb: wire, seed: 7 }, { queues: 2 })
/** Sends the frame from ca, and the captures of it. */
function send(...queues: readonly number[]): void {
  for (const queue of queues) {
    vnet.ports[0]?.transmit(udp, queue)
    vnet.ports[0]?.drain()
  }
  vnet.clock.advance(NSEC_PER_SEC)
}
beforeEach(async () => {
  vnet = await cableOf()
})
afterEach(() => vi.restoreAllMocks())

/** Lets the vnets refuse captures, or send other bytes. */
const captures = () => vi.spyOn(ControlClient.prototype, 'capture')

/** The start of a file of ca, and a frame that it sent, with what else is known of it. */
function head(): Uint8Array {
  const to = new Uint8Array(1000)
  return to.subarray(0, writeInterface(to, writeSection(to, 0), { name: 'ca' }))
}
function frame(rest: Partial<CapturedPacket> = {}): Uint8Array {
  const length = { capturedLength: udp.length, originalLength: udp.length }
  const sent = { seconds: 1, nanoseconds: 0, interfaceIndex: 0, flags: 2, bytes: udp, at: 0 }
  const to = new Uint8Array(1000)
  return to.subarray(0, writePacket(to, 0, { ...sent, ...length, ...rest }))
}

test('frames are printed in their order, with the labels of their interfaces, until the user ends it', async () => {
  const command = startMain('frames')
  await captured(vnet.devices[0])
  send(0, 1)
  await command.until(stdout => stdout.split('\n').length > 4)
  const { status, stdout, stderr } = await command.end()
  expect([status, stderr]).toEqual([0, ''])
  expect(lines(stdout)).toEqual([
    ...[0, 1].flatMap(queue => [`ca tx-${queue} ${UDP}`, `red/cb rx-${queue} ${UDP}`]),
    '',
  ])
  await captured(vnet.devices[0], false)
})

test('the options choose the captured interfaces, filter and drops', async () => {
  const capture = captures().mockResolvedValue(streamOf())
  await runMain('frames', 'red/cb', '--filter', 'tcp', '--drops')
  const devices = [expect.objectContaining({ name: 'cb' })]
  expect(capture.mock.calls.map(([, options]) => options)).toEqual([
    { devices, filter: 'tcp', dropsOnly: true, snaplen: 256 },
  ])
})

test('lost frames are a line in their place', async () => {
  captures().mockImplementation(async () =>
    streamOf(head(), frame({ dropCount: 3 }), frame({ dropCount: 1 })),
  )
  const lost = ['3 frames were lost: not read in time', '1 frame was lost: not read in time']
  const { stdout } = await runMain('frames')
  expect(lines(stdout)).toEqual([lost[0], `ca tx-0 ${UDP}`, lost[1], `ca tx-0 ${UDP}`, ''])
  const json = (await runMain('frames', '--json')).stdout.trimEnd().split('\n')
  expect(json.map(line => JSON.parse(line))).toMatchObject([
    { event: 'lost', frames: 3 },
    { event: 'frame', name: 'ca', netns: null },
    { event: 'lost', frames: 1 },
    { event: 'frame' },
  ])
})

test('the command ends when its vnets do, with one line and status 1', async () => {
  const command = startMain('frames')
  await captured(vnet.devices[0])
  vnet.server[Symbol.dispose]()
  expect(await command.ended).toEqual({
    status: 1,
    stdout: '',
    stderr: 'vnet: no vnet is running any more\n',
  })
})

test('vnet frames ends when its output is closed', async () => {
  const command = startMain('frames')
  await captured(vnet.devices[0])
  send(0)
  await command.until(stdout => stdout !== '')
  command.close()
  expect((await command.ended).status).toBe(0)
  await captured(vnet.devices[0], false)
})

test.each([
  [
    new VnetError(EPERM, 'capture', 'be root'),
    'vnet: ca, red/cb: operation not permitted; be root\n',
  ],
  [new VnetError(ECONNREFUSED, 'capture'), 'vnet: ca, red/cb: connection refused\n'],
])(
  'a vnet that refuses with %s is reported if it is named or the only one',
  async (refusal, stderr) => {
    captures().mockRejectedValue(refusal)
    for (const names of [[], ['ca', 'cb']]) {
      expect(await runMain('frames', ...names)).toEqual({ status: 1, stdout: '', stderr })
    }
    // All interfaces that the user may capture.
    await cableOf()
    const open = () =>
      captures().mockRejectedValueOnce(refusal).mockResolvedValueOnce(streamOf(head(), frame()))
    open()
    expect(await runMain('frames', 'ca', 'cb')).toEqual({
      status: 1,
      stdout: expect.stringContaining(UDP),
      stderr,
    })
    open()
    expect((await runMain('frames')).stderr).toBe('vnet: no vnet is running any more\n')
  },
)

test('a stream that is broken ends the command with one line', async () => {
  captures().mockResolvedValue(streamOf(head(), new Uint8Array(12)))
  expect(await runMain('frames')).toMatchObject({
    status: 1,
    stderr: /^vnet: capture: broken at byte \d+: .*\n$/,
  })
})

test('dropped frames are red and have their reason, other frames and JSON are not', async () => {
  vnet.server[Symbol.dispose]()
  vnet = await cableOf('loss 100%')
  const colours = async (...args: string[]) => {
    const out = vi.fn()
    let end = () => {}
    const onEnd: Io['onEnd'] = fn => {
      end = () => fn({ signal: 'SIGINT' })
      return () => {}
    }
    const ended = main(['frames', 'ca', ...args], {
      out,
      err: () => {},
      onEnd,
      find: { directory },
    })
    await captured(vnet.devices[0])
    send(0)
    while (out.mock.calls.length < 2) {
      await turn()
    }
    end()
    await ended
    await captured(vnet.devices[0], false)
    return out.mock.calls
  }
  const [sent, dropped] = await colours()
  const reason = 'dropped: wire ab, stage 1 loss 100% (seed 7, packet 1)'
  expect([sent?.[1], dropped?.[1], ...lines(dropped?.[0])]).toEqual([
    undefined,
    'red',
    `ca tx-0 ${UDP}, ${reason}`,
    '',
  ])
  expect((await colours('--json')).map(([, colour]) => colour)).toEqual([undefined, undefined])
})

test('a reader that is slow has the stream wait, and Ctrl-C still ends the command', async () => {
  captures().mockResolvedValue(streamOf(head(), ...Array.from({ length: 10 }, () => frame())))
  let end = () => {}
  const waits = vi.fn(() =>
    waits.mock.calls.length < 4 ? undefined : new Promise<void>(() => end()),
  )
  const out = vi.fn()
  const io: Io = {
    out,
    err: out,
    room: waits,
    find: { directory },
    onEnd(fn) {
      end = () => fn({ signal: 'SIGINT' })
      return () => {}
    },
  }
  expect(await main(['frames'], io)).toBe(0)
  expect(out).toHaveBeenCalledTimes(4)
})
