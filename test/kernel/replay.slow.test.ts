/**
 * `vnet replay` to an interface of a running vnet: the file's frames arrive in order. tcpdump
 * records the arriving frames and their checksums.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { FLAG_CHECKSUM_NOT_READY, FLAG_TCP_SEGMENTATION_OFFLOADED } from '#src/capture/packet.ts'
import { Order, readAll } from '#support/capture-bytes.ts'
import { pcapngOf, pcapOf, whole } from '#support/capture-records.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { numbered } from '#support/memory-net.ts'
import { type Child, outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { runMain, startMain } from '#support/run-main.ts'
import { PROGRAM, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'
import { buildFrame, type Packet, plain, plain6 } from '../packet/frames.ts'

const { here, there, directory } = freshQuietNamespaces('here', 'there')

const at = (name: string) => join(directory, name)
const X1 = () => `${there.name}/x1`

const cable = (...args: string[]) =>
  startVnet(['cable', `${here.name}/x0`, X1(), '--json', '--no-address', ...args])

const replay = (file: string, ...args: string[]) =>
  runMain('replay', file, '--receive', X1(), ...args)

interface Recorded {
  readonly frame: Uint8Array
  readonly ms?: number
  readonly flags?: number
}

/** Writes a pcapng file of frames; returns its path. */
function pcapng(name: string, packets: readonly Recorded[]): string {
  const captured = packets.map(({ frame, ms = 0, flags }) => {
    const seconds = 1_700_000_000 + Math.floor(ms / 1000)
    return whole(frame, { seconds, nanoseconds: (ms % 1000) * 1_000_000, flags })
  })
  writeFileSync(at(name), pcapngOf(captured, [{ name: 'v9' }]))
  return at(name)
}

/** Writes a pcapng file of 1,000 frames, each with its number in bytes 56 and 57. */
function thousand(): string {
  const [frame] = numbered(1) as [Uint8Array]
  const packets = Array.from({ length: 1000 }, (_, i) => {
    const bytes = Uint8Array.from(frame)
    new DataView(bytes.buffer).setUint16(56, i)
    return { frame: bytes }
  })
  return pcapng('a.pcapng', packets)
}

/** Waits for the frames of `thousand`, which must arrive in order. */
async function expectInOrder(socket: PacketSocket): Promise<void> {
  await socket.until(() => socket.frames.length === 1000)
  expect(socket.frames.map(({ octets }) => (octets[56]! << 8) | octets[57]!)).toEqual([
    ...Array(1000).keys(),
  ])
}

const frames = (packets: readonly Packet[]) =>
  packets.map(packet => buildFrame({ packet, tags: [], padding: [] }))

/** Starts tcpdump on x1, which ends after `count` frames; `written` returns its file. */
async function tcpdump(count: number): Promise<{ written(): Promise<string> }> {
  const child = there.spawn([
    'tcpdump',
    '-Z',
    'root',
    '-U',
    '-i',
    'x1',
    '-c',
    `${count}`,
    '-w',
    at('seen.pcap'),
  ])
  const ended = outcome(child)
  await listening(child)
  return {
    async written() {
      expect(await ended).toMatchObject({ status: 0 })
      return at('seen.pcap')
    },
  }
}

async function listening(child: Child): Promise<void> {
  for (let text = ''; !text.includes('listening on'); ) {
    const [more] = (await once(child.stderr, 'data')) as [Buffer]
    text += more
  }
}

/** What tcpdump prints of a file, with its opinion of every checksum. */
const printed = (path: string) =>
  execFileSync('tcpdump', ['-nvvr', path], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  })

const framesOf = (path: string) =>
  readAll(readFileSync(path)).packets.map(({ frame }) => Buffer.from(frame as number[]))

describe('frames', () => {
  let vnet: Running
  beforeEach(async () => {
    vnet = await cable()
  })

  test('the interface of a vnet receives the frames in order, and counts them as made', async () => {
    using socket = new PacketSocket(there, 'x1')
    const { status, stdout, stderr } = await replay(thousand())
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^sent 1000 frames, 60000 bytes in .*\n$/)
    await expectInOrder(socket)
    const { x0, x1 } = await stopConserved(vnet)
    expect([x0?.total.rxPackets, x1?.total.rxPackets, x1?.total.made]).toEqual([0, 1000, 1000])
  })

  test('the frames arrive as they are in the file, whatever their length, tags and type', async () => {
    const tag = (n: number) =>
      Uint8Array.from([
        ...numbered(1)[0]!.subarray(0, 12),
        0x81,
        0,
        0,
        n,
        8,
        0,
        ...Array(46).fill(n),
      ])
    const long = (length: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 2 : i & 0xff))
    const sent = [
      ...numbered(200),
      tag(5),
      long(15),
      long(1514),
      ...frames([plain, plain6]),
      ...numbered(100, 200),
    ]
    const witness = await tcpdump(sent.length)
    const file = pcapng(
      'a.pcapng',
      sent.map(frame => ({ frame })),
    )
    const { status, stdout, stderr } = await replay(file)
    const bytes = sent.reduce((sum, { length }) => sum + length, 0)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^sent ${sent.length} frames, ${bytes} bytes in .*\n$`))
    expect(framesOf(await witness.written())).toEqual(sent.map(frame => Buffer.from(frame)))
  })

  test('a capture of which no frame can be sent fails with one line that has the reason', async () => {
    const raw = at('raw.pcap')
    writeFileSync(
      raw,
      pcapOf(
        numbered(3).map(frame => whole(frame)),
        101,
      ),
    )
    const skipped = await replay(raw)
    const reason = `no frame was sent: no packet can be played: 3 not Ethernet`
    expect([skipped.status, skipped.stderr]).toEqual([1, `vnet: ${raw}: ${reason}\n`])
    const long = pcapng('long.pcapng', [{ frame: new Uint8Array(3000) }])
    const failed = await replay(long, '--json')
    const refused = `no frame was sent: no frame was taken: 1 longer than the MTU of 1500`
    expect([failed.status, JSON.parse(failed.stderr)]).toEqual([
      1,
      { event: 'error', error: `${long}: ${refused}` },
    ])
    const none = await replay(pcapng('none.pcapng', []))
    expect([none.status, none.stderr]).toEqual([
      1,
      expect.stringContaining('the capture has no packets'),
    ])
  })

  test('no frame is received before its time', async () => {
    const file = pcapng(
      'a.pcapng',
      numbered(3).map((frame, i) => ({ frame, ms: 100 * i })),
    )
    using socket = new PacketSocket(there, 'x1')
    const begun = performance.now()
    const { stdout } = await replay(file)
    expect(performance.now() - begun).toBeGreaterThanOrEqual(200)
    await socket.until(() => socket.frames.length === 3)
    expect(socket.frames.map(({ octets }) => octets[59])).toEqual([0, 1, 2])
    expect(stdout).toMatch(/^sent 3 frames, 180 bytes/)
  })

  test('all checksums are right, also those left to a card', async () => {
    const [tcp, ports] = [{ kind: 'tcp', checksum: 'partial' } as const, [1, 2, 3, 4, 5, 6, 7]]
    const sent = [
      ...frames([plain, plain6]).map(frame => ({ frame })),
      ...frames([
        { ...plain, ...tcp, payload: ports },
        { ...plain6, ...tcp },
        { ...plain, checksum: 'partial' },
      ]).map(frame => ({ frame, flags: FLAG_CHECKSUM_NOT_READY })),
    ]
    const witness = await tcpdump(sent.length)
    expect((await replay(pcapng('a.pcapng', sent))).stderr).toBe('')
    const text = printed(await witness.written())
    expect(text).not.toMatch(/incorrect|bad |wrong/)
    expect(text.match(/sum ok|\(correct\)/g)?.length).toBeGreaterThanOrEqual(5)
  })

  test('a TCP frame longer than the MTU arrives in segments, any other fails and is counted', async () => {
    const payload = Array.from({ length: 5000 }, (_, i) => i & 0xff)
    const [tcp, udp] = frames([
      { ...plain, kind: 'tcp', payload, checksum: 'partial' },
      { ...plain, payload },
    ]) as [Uint8Array, Uint8Array]
    const flags = FLAG_CHECKSUM_NOT_READY | FLAG_TCP_SEGMENTATION_OFFLOADED
    const witness = await tcpdump(5)
    const file = pcapng('a.pcapng', [
      { frame: tcp, flags },
      { frame: udp },
      { frame: numbered(1)[0]! },
    ])
    const { status, stdout } = await replay(file)
    expect([status, stdout.split('\n').slice(1, -1)]).toEqual([
      0,
      [
        'cut 1 TCP frames longer than the MTU into 4 segments',
        'failed 1: 1 longer than the MTU of 1500',
      ],
    ])
    const seen = await witness.written()
    const text = printed(seen)
    expect(text.match(/\(correct\)/g)).toHaveLength(4)
    const data = framesOf(seen)
      .slice(0, 4)
      .flatMap(frame => [...frame.subarray(54)])
    expect(data).toEqual(payload)
  })

  test('frames that are too long are dropped and counted on both sides', async () => {
    const sent = [1518, 1519, 60].map(length => Uint8Array.from({ length }, () => 2))
    const file = pcapng(
      'a.pcapng',
      sent.map(frame => ({ frame })),
    )
    const { stdout } = await replay(file)
    expect(stdout).toMatch(
      /^sent 2 frames, 1578 bytes in .*\nfailed 1: 1 longer than the MTU of 1500\n$/,
    )
    const json = await replay(file, '--limit', '1', '--json')
    const counts = {
      sent: 1,
      bytes: 1518,
      seconds: expect.any(Number),
      cut: 0,
      segments: 0,
      failed: 0,
      skipped: 0,
    }
    expect(JSON.parse(json.stdout)).toEqual({ event: 'replay', ...counts })
    const { x1 } = await stopConserved(vnet)
    expect(x1?.drops.rx).toEqual({ PKT_TOO_BIG: 1 })
  })

  test('an interface that is down, or no vnet’s, is one line and status 1', async () => {
    there.ip('link set x1 down')
    await vnet.line(/x1.*stopped|x1.*closed|x1.*down/)
    const file = pcapng('a.pcapng', [{ frame: numbered(1)[0]! }])
    const run = (name: string) => runMain('replay', file, '--receive', name)
    expect((await run(X1())).stderr).toBe('vnet: x1 is down\n')
    expect(await run('nothing9')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no interface is called nothing9'),
    })
  })

  test('an interface that goes down ends replay with the summary', async () => {
    const file = pcapng(
      'a.pcapng',
      numbered(200).map((frame, i) => ({ frame, ms: 50 * i })),
    )
    using socket = new PacketSocket(there, 'x1')
    const going = startMain('replay', file, '--receive', X1())
    await socket.until(() => true)
    there.ip('link set x1 down')
    const { status, stdout, stderr } = await going.ended
    expect([status, stderr]).toEqual([1, 'vnet: x1 is down\n'])
    expect(stdout).toMatch(/^sent \d+ frames/)
  })
})

describe('input', () => {
  /** Starts `vnet replay` of its standard input. */
  const start = () =>
    spawn(process.execPath, [PROGRAM, 'replay', '-', '--receive', X1()], { stdio: 'pipe' })

  test('a big-endian file that breaks off in a pipe is played up to there, and one line says where', async () => {
    await cable()
    const order = new Order(false)
    const [frame] = numbered(1) as [Uint8Array]
    const packet = (n: number) => {
      const octets = [
        ...order.u32(0),
        ...order.u32(n),
        ...order.u32(60),
        ...order.u32(60),
        ...frame,
      ]
      octets[octets.length - 1] = n
      return octets
    }
    const whole = [...order.pcap(0xa1b2c3d4, 1), ...packet(0), ...packet(1), ...packet(2)]
    using socket = new PacketSocket(there, 'x1')
    const child = start()
    child.stdin.end(Uint8Array.from(whole.slice(0, -7)))
    const { status, stdout, stderr } = await outcome(child)
    expect([status, stderr]).toEqual([
      1,
      `vnet: standard input: truncated at byte ${whole.length - 7}: a record of 76 bytes begins at byte ${24 + 2 * 76}\n`,
    ])
    expect(stdout).toMatch(/^sent 2 frames, 120 bytes/)
    await socket.until(() => socket.frames.length === 2)
    expect(socket.frames.map(({ octets }) => octets[59])).toEqual([0, 1])
  })

  test('Ctrl-C ends replay immediately with the summary, though the next frame is far and the pipe open', async () => {
    await cable()
    using socket = new PacketSocket(there, 'x1')
    const [frame] = numbered(1) as [Uint8Array]
    const file = pcapOf([0, 1000].map(seconds => whole(frame, { seconds })))
    for (const open of [file, file.subarray(0, 24 + 76)]) {
      const before = socket.frames.length
      const child = start()
      child.stdin.write(open)
      await socket.until(() => socket.frames.length > before)
      child.kill('SIGINT')
      const { status, stdout, stderr } = await outcome(child)
      expect([status, stderr]).toEqual([0, ''])
      // The vnet may not have acknowledged the frame yet.
      expect(stdout).toMatch(/^sent (1 frames, 60|0 frames, 0) bytes/)
    }
  })

  test('a capture of both ends of a cable is replayed with each frame once', async () => {
    const captured = await cable('--capture', at('both.pcapng'))
    {
      using from = new PacketSocket(here, 'x0')
      using to = new PacketSocket(there, 'x1')
      for (const frame of numbered(20)) {
        from.send(frame)
      }
      await to.until(() => to.frames.length === 20)
    }
    await captured.stop()
    expect(framesOf(at('both.pcapng'))).toHaveLength(40)
    await cable()
    using socket = new PacketSocket(there, 'x1')
    const { stdout } = await replay(at('both.pcapng'))
    expect(stdout).toMatch(
      /^sent 20 frames, 1200 bytes in .*\nskipped 20: 20 received by the interface\n$/,
    )
    await socket.until(() => socket.frames.length === 20)
    expect(socket.frames.map(({ octets }) => octets[59])).toEqual([...Array(20).keys()])
    const received = await replay(at('both.pcapng'), '--interface', 'x1', '--direction', 'in')
    expect(received.stdout).toMatch(/^sent 20 frames, .*\nskipped 20: 20 of another interface\n$/)
    const missing = await replay(at('both.pcapng'), '--interface', 'x2')
    const line = `vnet: ${at('both.pcapng')}: no packet is of an interface called x2; there are packets of x0, x1\n`
    expect([missing.status, missing.stderr]).toEqual([1, line])
  })
})
