/** `vnet frames` with streams from the tests instead of running vnets. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { ECONNREFUSED, EPERM, VnetError } from '../../../src/base/errno.ts'
import type { CapturedPacket } from '../../../src/capture/packet.ts'
import { writeInterface, writePacket, writeSection } from '../../../src/capture/pcapng-writer.ts'
import type { Io } from '../../../src/cli/io.ts'
import { main } from '../../../src/cli/main.ts'
import type { CaptureRequest, FoundDevice } from '../../../src/control/index.ts'
import type { MessageBuilder } from '../../../src/netlink/index.ts'
import { buildFrame, plain } from '../../packet/frames.ts'
import { FakeVnet } from '../../support/fake-vnet.ts'
import { freshDirectory } from '../../support/fresh-directory.ts'
import { directory as run } from '../../support/own-run-directory.ts'
import { runMain, startMain } from '../../support/run-main.ts'

const { opened } = vi.hoisted(() => ({
  opened: { as: (_devices: readonly FoundDevice[], _options: CaptureRequest): unknown => undefined },
}))
run.path = freshDirectory()
// Vnets that run on this machine must not be found.
vi.mock('../../../src/control/protocol/run-directory.ts', async original =>
  (await import('../../support/own-run-directory.ts')).ownRunDirectory(original),
)
vi.mock('../../../src/cli/capture-streams.ts', async original => ({
  ...(await original<object>()),
  openStreams: async (_: unknown, devices: readonly FoundDevice[], options: CaptureRequest) =>
    opened.as(devices, options),
}))

const GET_DEVICES = 2
const interfaces = [
  { name: 'ca', ifindex: 7, inode: 1 },
  { name: 'cb', ifindex: 8, inode: 2, netns: 'red' },
]
const [TX, RX, SHOT] = [2, 1, 2]
let vnet: FakeVnet
beforeEach(() => {
  const ca = (b: MessageBuilder) => void b.u32(1, 7).string(2, 'ca').u32(4, 1).u32(5, 1)
  const cb = (b: MessageBuilder) => void b.u32(1, 8).string(2, 'cb').string(3, 'red').u32(4, 1).u32(5, 1)
  vnet = new FakeVnet(run.path, { [GET_DEVICES]: () => [ca, cb] }, { interfaces })
})
afterEach(() => vnet[Symbol.dispose]())

/** A stream of pcapng that a test feeds. */
class Stream {
  isClosed = false
  readonly #parts: Uint8Array[] = []
  #wanted = () => {}
  #isOver = false

  push(...parts: Uint8Array[]): this {
    this.#parts.push(...parts)
    this.#wanted()
    return this
  }

  end(): this {
    this.#isOver = true
    return this.push()
  }

  async *[Symbol.asyncIterator]() {
    for (;;) {
      yield* this.#parts.splice(0)
      if (this.#isOver) return
      await new Promise<void>(resolve => {
        this.#wanted = resolve
      })
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.isClosed = true
    this.end()
  }
}

/** The head of a file: the interfaces ca and cb, two of each. */
function head(): Uint8Array {
  const to = new Uint8Array(1000)
  const names = ['ca', 'ca', 'cb', 'cb']
  return to.subarray(
    0,
    names.reduce((at, name) => writeInterface(to, at, { name }), writeSection(to, 0)),
  )
}

function frame(interfaceIndex: number, rest: Partial<CapturedPacket>): Uint8Array {
  const bytes = buildFrame({ packet: plain, tags: [], padding: [] })
  const length = { capturedLength: bytes.length, originalLength: bytes.length }
  const to = new Uint8Array(1000)
  return to.subarray(
    0,
    writePacket(to, 0, { seconds: 1, nanoseconds: 0, interfaceIndex, bytes, at: 0, ...length, ...rest }),
  )
}

const open = (stream: Stream) => (devices: readonly FoundDevice[]) => ({ streams: [{ devices, stream }], failed: [] })
/** Lines without their time. */
const lines = (stdout: string) => stdout.split('\n').map(line => line.replace(/^\d\d:[\d:.]+ /, ''))
const UDP = 'IP 198.18.0.1.12345 > 198.18.0.2.53: UDP, length 5'

test('frames are printed in their order, with the labels of their interfaces, until the user ends it', async () => {
  const stream = new Stream()
  opened.as = open(stream)
  const command = startMain('frames')
  const dropped = { flags: TX, verdict: SHOT, comments: ['dropped: wire ab, stage 1 loss 5% (seed 7, packet 2)'] }
  stream.push(head(), frame(0, { flags: TX }), frame(3, { flags: RX, queue: 1 }), frame(0, dropped))
  await command.until(stdout => stdout.includes('packet 2'))
  const { status, stdout, stderr } = await command.end()
  expect([status, stderr, stream.isClosed]).toEqual([0, '', true])
  expect(lines(stdout)).toEqual([
    `ca tx-0 ${UDP}`,
    `red/cb rx-1 ${UDP}`,
    `ca tx-0 ${UDP}, dropped: wire ab, stage 1 loss 5% (seed 7, packet 2)`,
    '',
  ])
})

test('the options choose the captured interfaces, filter and drops', async () => {
  let requested: unknown[] = []
  opened.as = (devices, options) => {
    requested = [devices.map(({ name }) => name), options]
    return open(new Stream().end())(devices)
  }
  await runMain('frames', 'red/cb', '--filter', 'tcp', '--drops')
  expect(requested).toEqual([['cb'], { filter: 'tcp', dropsOnly: true, snaplen: 256 }])
})

test('lost frames are a line in their place', async () => {
  const packets = [head(), frame(0, { flags: TX, dropCount: 3 }), frame(0, { flags: TX, dropCount: 1 })]
  opened.as = devices => open(new Stream().push(...packets).end())(devices)
  const frames = [`ca tx-0 ${UDP}`, `ca tx-0 ${UDP}`]
  const lost = ['3 frames were lost: not read in time', '1 frame was lost: not read in time']
  const { stdout } = await runMain('frames')
  expect(lines(stdout)).toEqual([lost[0], frames[0], lost[1], frames[1], ''])
  const json = (await runMain('frames', '--json')).stdout.trimEnd().split('\n')
  expect(json.map(line => JSON.parse(line))).toMatchObject([
    { event: 'lost', frames: 3 },
    { event: 'frame', name: 'ca', netns: null },
    { event: 'lost', frames: 1 },
    { event: 'frame' },
  ])
})

test('the command ends when its vnets do, with one line and status 1', async () => {
  opened.as = open(new Stream().end())
  expect(await runMain('frames')).toEqual({ status: 1, stdout: '', stderr: 'vnet: no vnet is running any more\n' })
})

test('vnet frames ends when its output is closed', async () => {
  const stream = new Stream().push(head())
  opened.as = open(stream)
  const command = startMain('frames')
  stream.push(frame(0, {}))
  await command.until(stdout => stdout !== '')
  command.close()
  expect((await command.ended).status).toBe(0)
  expect(stream.isClosed).toBe(true)
})

test('a vnet that refuses is reported, and the others are shown', async () => {
  const refusal = new VnetError(EPERM, 'capture ca', 'be root')
  const stderr = 'vnet: capture ca: operation not permitted; be root\n'
  opened.as = () => ({ streams: [], failed: [refusal] })
  expect(await runMain('frames')).toEqual({ status: 1, stdout: '', stderr })
  const some = () => ({
    streams: [{ devices: [], stream: new Stream().push(head(), frame(0, {})).end() }],
    failed: [refusal],
  })
  opened.as = some
  expect(await runMain('frames', 'ca')).toEqual({ status: 1, stdout: expect.stringContaining(UDP), stderr })
  // All interfaces that the user may capture.
  expect((await runMain('frames')).stderr).toBe('vnet: no vnet is running any more\n')
})

test('a vnet that ends before its frames are read is left out, unless it is named', async () => {
  const ended = new VnetError(ECONNREFUSED, 'capture ca')
  opened.as = () => ({
    streams: [{ devices: [], stream: new Stream().push(head(), frame(0, {})).end() }],
    failed: [ended],
  })
  expect((await runMain('frames')).stderr).toBe('vnet: no vnet is running any more\n')
  expect((await runMain('frames', 'ca')).stderr).toMatch(/^vnet: capture ca: ECONNREFUSED/)
})

test('a stream that is broken ends the command with one line', async () => {
  opened.as = open(new Stream().push(Uint8Array.of(...head(), ...new Uint8Array(12))).end())
  expect(await runMain('frames')).toMatchObject({ status: 1, stderr: /^vnet: capture: broken at byte \d+: .*\n$/ })
})

test('dropped frames are red, other frames and JSON are not', async () => {
  const packets = [head(), frame(0, { flags: TX }), frame(0, { flags: TX, verdict: SHOT })]
  opened.as = devices => open(new Stream().push(...packets).end())(devices)
  const colours = async (...args: string[]) => {
    const out = vi.fn()
    await main(['frames', ...args], { out, err: () => {}, onEnd: () => () => {} })
    return out.mock.calls.map(([, colour]) => colour)
  }
  expect(await colours()).toEqual([undefined, 'red'])
  expect(await colours('--json')).toEqual([undefined, undefined])
})

test('a reader that is slow has the stream wait, and Ctrl-C still ends the command', async () => {
  const stream = new Stream().push(head(), ...Array.from({ length: 10 }, () => frame(0, {})))
  opened.as = open(stream)
  let end = () => {}
  const waits = vi.fn(() => (waits.mock.calls.length < 4 ? undefined : new Promise<void>(() => end())))
  const out = vi.fn()
  const io: Io = {
    out,
    err: out,
    room: waits,
    onEnd(fn) {
      end = () => fn({ signal: 'SIGINT' })
      return () => {}
    },
  }
  expect(await main(['frames'], io)).toBe(0)
  expect(out).toHaveBeenCalledTimes(4)
})
