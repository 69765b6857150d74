/**
 * `vnet replay` to interfaces in namespaces and to running vnets: the file's frames arrive in
 * order. tcpdump records the arriving frames and their checksums.
 */
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { FLAG_CHECKSUM_NOT_READY, FLAG_TCP_SEGMENTATION_OFFLOADED } from '../../src/capture/packet.ts'
import { buildFrame, type Packet, plain, plain6 } from '../packet/frames.ts'
import { Order, readAll } from '../support/capture-bytes.ts'
import { pcapngOf, pcapOf, whole } from '../support/capture-records.ts'
import { freshQuietNamespaces } from '../support/fresh-namespaces.ts'
import { numbered } from '../support/memory-net.ts'
import { type Child, outcome } from '../support/netns.ts'
import { PacketSocket } from '../support/packet-socket.ts'
import { runMain, startMain } from '../support/run-main.ts'
import { startVnet, stopConserved } from '../support/vnet-process.ts'

const VNET = [process.execPath, fileURLToPath(new URL('../../dist/vnet.js', import.meta.url))]

const POLLIN = 1

const { own, here, there, directory } = freshQuietNamespaces('here', 'there')

const at = (name: string) => join(directory, name)
const TO = () => `${here.name}/v0`

/** Joins the two namespaces by v0 and v1. */
function addVeth(): void {
  here.ip(`link add v0 type veth peer name v1 netns ${there.name}`, 'link set v0 up')
  there.ip('link set v1 up')
}

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
  expect(socket.frames.map(({ octets }) => (octets[56]! << 8) | octets[57]!)).toEqual([...Array(1000).keys()])
}

const frames = (packets: readonly Packet[]) => packets.map(packet => buildFrame({ packet, tags: [], padding: [] }))

/** Starts tcpdump on v1, which ends after `count` frames; `written` returns its file. */
async function tcpdump(count: number): Promise<{ written(): Promise<string> }> {
  const child = there.spawn(['tcpdump', '-Z', 'root', '-U', '-i', 'v1', '-c', `${count}`, '-w', at('seen.pcap')])
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
  execFileSync('tcpdump', ['-nvvr', path], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

const framesOf = (path: string) =>
  readAll(readFileSync(path)).packets.map(({ frame }) => Buffer.from(frame as number[]))

describe('--to', () => {
  test('replay delivers the file’s frames in order, whatever their length, tags and type', async () => {
    addVeth()
    const tag = (n: number) =>
      Uint8Array.from([...numbered(1)[0]!.subarray(0, 12), 0x81, 0, 0, n, 8, 0, ...Array(46).fill(n)])
    const long = (length: number) => Uint8Array.from({ length }, (_, i) => (i === 0 ? 2 : i & 0xff))
    const sent = [...numbered(200), tag(5), long(15), long(1514), ...frames([plain, plain6]), ...numbered(100, 200)]
    const witness = await tcpdump(sent.length)
    const file = pcapng(
      'a.pcapng',
      sent.map(frame => ({ frame })),
    )
    const { status, stdout, stderr } = await runMain('replay', file, '--to', TO())
    const bytes = sent.reduce((sum, { length }) => sum + length, 0)
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(new RegExp(`^sent ${sent.length} frames, ${bytes} bytes in .*\n$`))
    expect(framesOf(await witness.written())).toEqual(sent.map(frame => Buffer.from(frame)))
  })

  test('a TAP is a destination, too', async () => {
    const [fd] = own.tap(here, 'tap0') as [number]
    here.ip('link set tap0 up')
    const sent = numbered(100)
    await runMain(
      'replay',
      pcapng(
        'a.pcapng',
        sent.map(frame => ({ frame })),
      ),
      '--to',
      `${here.name}/tap0`,
    )
    const buffer = new Uint8Array(2000)
    for (const frame of sent) {
      // The read would wait for a frame that is missing.
      expect(own.native.poll(fd) & POLLIN).toBe(POLLIN)
      expect(buffer.subarray(0, readSync(fd, buffer))).toEqual(frame)
    }
  })

  test('no frame is sent before its time, even in a loop', async () => {
    addVeth()
    const file = pcapng(
      'a.pcapng',
      numbered(3).map((frame, i) => ({ frame, ms: 100 * i })),
    )
    using socket = new PacketSocket(there, 'v1')
    const begun = performance.now()
    const { stdout } = await runMain('replay', file, '--to', TO(), '--loop', '2', '--multiplier', '2')
    expect(performance.now() - begun).toBeGreaterThanOrEqual(200)
    await socket.until(({ octets }) => socket.frames.length === 6 && octets[59] === 2)
    expect(socket.frames.map(({ octets }) => octets[59])).toEqual([0, 1, 2, 0, 1, 2])
    expect(stdout).toMatch(/^sent 6 frames, 360 bytes/)
  })

  test.each([
    ['the socket is full', '1000kb'],
    ['the queue of the interface is full', '3kb'],
  ])('replay waits while %s, and all frames arrive in order', async (_, limit) => {
    addVeth()
    here.exec(`tc qdisc add dev v0 root tbf rate 8mbit burst 10kb limit ${limit}`)
    using socket = new PacketSocket(there, 'v1')
    const file = thousand()
    const { stdout } = await runMain('replay', file, '--to', TO(), '--topspeed')
    expect(stdout).toMatch(/^sent 1000 frames, 60000 bytes in .*\n$/)
    await expectInOrder(socket)
  })

  test('with other addresses all checksums are right, also those left to a card', async () => {
    addVeth()
    const [tcp, ports] = [{ kind: 'tcp', checksum: 'partial' } as const, [1, 2, 3, 4, 5, 6, 7]]
    const sent = [
      ...frames([plain, plain6, { ...plain, kind: 'icmp' }, { ...plain6, kind: 'icmp' }]).map(frame => ({ frame })),
      ...frames([
        { ...plain, ...tcp, payload: ports },
        { ...plain6, ...tcp },
        { ...plain, checksum: 'partial' },
      ]).map(frame => ({ frame, flags: FLAG_CHECKSUM_NOT_READY })),
    ]
    const maps = ['198.18.0.0/24=192.0.2.0/24', '2001:db8::1=2001:db8:7::9', '02:00:00:00:00:01=02:00:00:00:00:77']
    const witness = await tcpdump(sent.length)
    const options = maps.flatMap(map => ['--map', map])
    expect((await runMain('replay', pcapng('a.pcapng', sent), '--to', TO(), ...options)).stderr).toBe('')
    const seen = await witness.written()
    const text = printed(seen)
    expect(text).not.toMatch(/incorrect|bad |wrong/)
    expect(text.match(/sum ok|\(correct\)/g)?.length).toBeGreaterThanOrEqual(6)
    expect(text).not.toMatch(/198\.18\.0|2001:db8::1\b/)
    expect(text).toMatch(/192\.0\.2\.1.* > 192\.0\.2\.2/)
    expect(text).toContain('2001:db8:7::9')
    expect(framesOf(seen).map(frame => frame[5])).toEqual(sent.map(() => 0x77))
  })

  test('a TCP frame longer than the MTU arrives in segments, any other fails and is counted', async () => {
    addVeth()
    const payload = Array.from({ length: 5000 }, (_, i) => i & 0xff)
    const [tcp, udp] = frames([
      { ...plain, kind: 'tcp', payload, checksum: 'partial' },
      { ...plain, payload },
    ]) as [Uint8Array, Uint8Array]
    const flags = FLAG_CHECKSUM_NOT_READY | FLAG_TCP_SEGMENTATION_OFFLOADED
    const witness = await tcpdump(5)
    const file = pcapng('a.pcapng', [{ frame: tcp, flags }, { frame: udp }, { frame: numbered(1)[0]! }])
    const { status, stdout } = await runMain('replay', file, '--to', TO())
    expect([status, stdout.split('\n').slice(1, -1)]).toEqual([
      0,
      ['cut 1 TCP frames longer than the MTU into 4 segments', 'failed 1: 1 longer than the MTU of 1500'],
    ])
    const seen = await witness.written()
    const text = printed(seen)
    expect(text.match(/\(correct\)/g)).toHaveLength(4)
    const data = framesOf(seen)
      .slice(0, 4)
      .flatMap(frame => [...frame.subarray(54)])
    expect(data).toEqual(payload)
  })

  test.each([
    ['does not exist', 'none', /^vnet: .*none: there is no such interface/],
    ['is down', 'v0', /^vnet: .*v0: the interface is down/],
    ['is not Ethernet', 'tun0', /^vnet: .*tun0: it is not an Ethernet interface/],
  ])('an interface that %s is one line and status 1', async (_, name, message) => {
    addVeth()
    here.ip('link set v0 down', 'tuntap add tun0 mode tun')
    const file = pcapng('a.pcapng', [{ frame: numbered(1)[0]! }])
    const { status, stdout, stderr } = await runMain('replay', file, '--to', `${here.name}/${name}`)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(message)
    expect(stderr.split('\n')).toHaveLength(2)
  })

  test('an interface that goes down ends it, with the summary', async () => {
    addVeth()
    using socket = new PacketSocket(there, 'v1')
    const replay = startMain('replay', pcapng('a.pcapng', [{ frame: numbered(1)[0]! }]), '--to', TO(), '--loop', '0')
    await socket.until(() => true)
    here.ip('link set v0 down')
    const { status, stdout, stderr } = await replay.ended
    expect([status, stderr]).toEqual([1, `vnet: ${TO()}: the interface is down\n`])
    expect(stdout).toMatch(/^sent \d+ frames/)
  })
})

describe('input', () => {
  const replay = (...args: string[]) => there.spawn([...VNET, 'replay', ...args])

  test('a big-endian file that breaks off in a pipe is sent up to there, and one line says where', async () => {
    addVeth()
    const order = new Order(false)
    const [frame] = numbered(1) as [Uint8Array]
    const packet = (n: number) => {
      const octets = [...order.u32(n), ...order.u32(0), ...order.u32(60), ...order.u32(60), ...frame]
      octets[octets.length - 1] = n
      return octets
    }
    const whole = [...order.pcap(0xa1b2c3d4, 1), ...packet(0), ...packet(1), ...packet(2)]
    using socket = new PacketSocket(here, 'v0')
    const child = replay('-', '--to', 'v1', '--topspeed')
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
    addVeth()
    using socket = new PacketSocket(here, 'v0')
    const [frame] = numbered(1) as [Uint8Array]
    const file = pcapOf([0, 1000].map(seconds => whole(frame, { seconds })))
    for (const open of [file, file.subarray(0, 24 + 76)]) {
      const before = socket.frames.length
      const child = replay('-', '--to', 'v1')
      child.stdin.write(open)
      await socket.until(() => socket.frames.length > before)
      // `ip netns exec` has become the command.
      child.kill('SIGINT')
      const { status, stdout, stderr } = await outcome(child)
      expect([status, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(/^sent 1 frames, 60 bytes/)
    }
  })
})

describe('--receive', () => {
  const cable = (...args: string[]) =>
    startVnet(['cable', `${here.name}/x0`, `${there.name}/x1`, '--json', '--no-address', ...args])

  test('the interface of a vnet receives the frames in order, and counts them as made', async () => {
    const vnet = await cable()
    using socket = new PacketSocket(there, 'x1')
    const file = thousand()
    const { status, stdout, stderr } = await runMain('replay', file, '--receive', `${there.name}/x1`, '--topspeed')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^sent 1000 frames, 60000 bytes/)
    await expectInOrder(socket)
    const { x0, x1 } = await stopConserved(vnet)
    expect([x0?.total.rxPackets, x1?.total.rxPackets, x1?.total.made]).toEqual([0, 1000, 1000])
  })

  test('frames that are too long are dropped and counted on both sides', async () => {
    const vnet = await cable()
    const sent = [1518, 1519, 60].map(length => Uint8Array.from({ length }, () => 2))
    const file = pcapng(
      'a.pcapng',
      sent.map(frame => ({ frame })),
    )
    const { stdout } = await runMain('replay', file, '--receive', `${there.name}/x1`)
    expect(stdout).toMatch(/^sent 2 frames, 1578 bytes in .*\nfailed 1: 1 longer than the MTU of 1500\n$/)
    const json = await runMain('replay', file, '--receive', `${there.name}/x1`, '--limit', '1', '--json')
    const counts = { sent: 1, bytes: 1518, seconds: expect.any(Number), cut: 0, segments: 0, failed: 0, skipped: 0 }
    expect(JSON.parse(json.stdout)).toEqual({ event: 'replay', ...counts })
    const { x1 } = await stopConserved(vnet)
    expect(x1?.drops.rx).toEqual({ PKT_TOO_BIG: 1 })
  })

  test('an interface that is down, or no vnet’s, is one line and status 1', async () => {
    const vnet = await cable()
    there.ip('link set x1 down')
    await vnet.line(/x1.*stopped|x1.*closed|x1.*down/)
    const file = pcapng('a.pcapng', [{ frame: numbered(1)[0]! }])
    const run = (name: string) => runMain('replay', file, '--receive', name)
    expect((await run(`${there.name}/x1`)).stderr).toBe('vnet: x1 is down\n')
    expect(await run('nothing9')).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no interface is called nothing9'),
    })
    await vnet.stop()
  })

  test('a capture of both ends of a cable is replayed with each frame once', async () => {
    const vnet = await cable('--capture', at('both.pcapng'))
    using from = new PacketSocket(here, 'x0')
    using to = new PacketSocket(there, 'x1')
    for (const frame of numbered(20)) from.send(frame)
    await to.until(() => to.frames.length === 20)
    await vnet.stop()
    expect(framesOf(at('both.pcapng'))).toHaveLength(40)
    addVeth()
    using socket = new PacketSocket(there, 'v1')
    const { stdout } = await runMain('replay', at('both.pcapng'), '--to', TO(), '--topspeed')
    expect(stdout).toMatch(/^sent 20 frames, 1200 bytes in .*\nskipped 20: 20 received by the interface\n$/)
    await socket.until(() => socket.frames.length === 20)
    expect(socket.frames.map(({ octets }) => octets[59])).toEqual([...Array(20).keys()])
    const received = await runMain('replay', at('both.pcapng'), '--to', TO(), '--interface', 'x1', '--direction', 'in')
    expect(received.stdout).toMatch(/^sent 20 frames, .*\nskipped 20: 20 of another interface\n$/)
    const missing = await runMain('replay', at('both.pcapng'), '--to', TO(), '--interface', 'x2')
    const line = `vnet: ${at('both.pcapng')}: no packet is of an interface called x2; there are packets of x0, x1\n`
    expect([missing.status, missing.stderr]).toEqual([1, line])
  })
})
