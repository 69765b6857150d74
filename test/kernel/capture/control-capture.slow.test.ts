/** `vnet capture`, and captures over the control socket: rights, costs and ends. */
import { once } from 'node:events'
import { chmodSync, readFileSync, statSync, watch } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import { CaptureFile } from '#src/capture/capture-file.node.ts'
import {
  type CaptureStream,
  ControlClient,
  type FoundDevice,
  findVnets,
} from '#src/control/index.ts'
import { loadNative } from '#src/linux/native.ts'
import { recordsIn } from '#support/capture-records.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { heldMiB, holding } from '#support/held-memory.ts'
import { type Child, outcome } from '#support/netns.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { NOBODY } from '#support/privileges.ts'
import { jsonLines, PROGRAM, spawnVnet, startVnet, stopConserved } from '#support/vnet-process.ts'

const genlAsk = fileURLToPath(new URL('../../support/genl-ask.py', import.meta.url))
/** A group that no user of the machine is in. */
const GROUP = 4711
const CAPTURE = 18

const { near, far, directory } = freshQuietNamespaces('near', 'far')
const ends = endedAfterEach<Disposable>()

beforeEach(() => chmodSync(directory, 0o777))

const file = (name: string) => join(directory, name)
const cable = (...args: string[]) => [
  'cable',
  `${near.name}/ca`,
  `${far.name}/cb`,
  '--no-address',
  '--json',
  ...args,
]

/** Starts `vnet capture ARGS` in the first namespace. */
function capture(args: readonly string[], as: readonly string[] = []): Capturing {
  const child = near.spawn([...as, process.execPath, PROGRAM, 'capture', ...args])
  const ended = outcome(child)
  const began = new Promise<void>((resolve, reject) => {
    let text = ''
    child.stderr.on('data', more => {
      text += more
      if (/^capturing .*\n/m.test(text)) {
        resolve()
      }
    })
    ended.then(
      end => reject(new Error(`capture ended before it began: ${JSON.stringify(end)}`)),
      reject,
    )
  })
  began.catch(() => {})
  return { child, began, ended }
}

interface Capturing {
  readonly child: Child
  /** Settles when frames are captured. Rejects if the program ends first. */
  readonly began: Promise<void>
  readonly ended: ReturnType<typeof outcome>
}

/**
 * Sends frames of 60 bytes out of the first interface, numbered in their last, and waits until
 * `arriving` of them came to the other.
 */
async function send(count: number, arriving = count): Promise<void> {
  using socket = new PacketSocket(near, 'ca')
  using other = new PacketSocket(far, 'cb')
  for (let i = 0; i < count; i++) {
    const frame = new Uint8Array(60).fill(0xff, 0, 6)
    frame.set([2, 0, 0, 0, 0, 1, 0x88, 0xb5], 6)
    frame[59] = i
    socket.send(frame)
  }
  await other.until(() => other.frames.length === arriving)
}

/** Settles when a file has a beginning. */
async function untilWritten(path: string): Promise<void> {
  const watcher = watch(directory)
  while (statSync(path).size === 0) {
    await once(watcher, 'change')
  }
  watcher.close()
}

/** The frames of a file: `INTERFACE NUMBER`, `!` if it was dropped. */
function framesIn(path: string): string[] {
  const frames: string[] = []
  for (const record of recordsIn(path)) {
    frames.push(
      `${record.interfaceName} ${record.frame[59]}${record.verdict === undefined ? '' : '!'}`,
    )
  }
  return frames
}

/** Returns a client, and the first interface of this test as it finds it. */
async function connected(): Promise<{ client: ControlClient; ca: FoundDevice }> {
  const client = new ControlClient(loadNative())
  ends.push(client)
  const { devices } = await findVnets(client)
  return {
    client,
    ca: devices.find(({ netns, name }) => netns === near.name && name === 'ca') as FoundDevice,
  }
}

describe('the right to capture', () => {
  /**
   * Runs a command as user nobody in these groups, with permission to open the files of this tree.
   */
  const asUser = (gid: number, groups: number[]) => [
    'setpriv',
    `--reuid=${NOBODY}`,
    `--regid=${gid}`,
    `--groups=${groups.join(',')}`,
    ...['inh-caps', 'ambient-caps', 'bounding-set'].map(set => `--${set}=-all,+dac_override`),
  ]

  test('an ordinary user may not capture: one line says how to allow a group, and no file is made', async () => {
    await startVnet(cable())
    const { status, stderr } = await capture(['ca', file('a.pcapng')], asUser(NOBODY, [GROUP]))
      .ended
    expect(stderr).toBe(
      `vnet: ${near.name}/ca: operation not permitted; only root may capture, ` +
        `and you are user ${NOBODY}; start the vnet with --capture-group to let a group\n`,
    )
    expect(status).toBe(1)
    expect(() => readFileSync(file('a.pcapng'))).toThrow('ENOENT')
  })

  test('members of another group may not capture', async () => {
    await startVnet(cable('--capture-group', `${GROUP}`))
    const { status, stderr } = await capture(['ca', file('a.pcapng')], asUser(NOBODY, [GROUP + 1]))
      .ended
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining(`only root and members of group ${GROUP} may capture`),
    ])
  })

  test.each([
    ['its own group', GROUP, [1]],
    ['a supplementary group', NOBODY, [1, GROUP, GROUP + 1]],
  ])(
    'a member of the capture group by %s may capture, and may change nothing',
    async (_, gid, groups) => {
      await startVnet(cable('--capture-group', `${GROUP}`))
      const as = asUser(gid, groups)
      const { child, began, ended } = capture(['ca', file('a.pcapng')], as)
      await began
      await send(3)
      child.kill('SIGINT')
      expect(await ended).toMatchObject({
        status: 0,
        stderr: expect.stringMatching(/^3 frames captured, 0 lost$/m),
      })
      expect(framesIn(file('a.pcapng'))).toEqual(['ca 0', 'ca 1', 'ca 2'])
      const cut = await near.run([...as, process.execPath, PROGRAM, 'cut', 'ca'].join(' '))
      expect([cut.status, cut.stderr]).toEqual([
        1,
        expect.stringContaining('only root may do this'),
      ])
    },
  )

  test('a fifth capture of one member is refused', async () => {
    await startVnet(cable('--capture-group', `${GROUP}`))
    const as = asUser(GROUP, [1])
    const four = Array.from({ length: 4 }, (_, i) => capture(['ca', file(`${i}.pcapng`)], as))
    await Promise.all(four.map(({ began }) => began))
    const { stderr } = await capture(['ca', file('5.pcapng')], as).ended
    expect(stderr).toContain(`user ${NOBODY} has 4 captures of this vnet already`)
  })
})

describe('vnet capture', () => {
  test('three concurrent captures write whole files, and end by Ctrl-C and by a duration', async () => {
    const vnet = await startVnet(cable('--wire-ab', 'loss every 5'))
    const one = capture(['ca', file('one.pcapng')])
    await one.began
    const other = capture(['ca', file('other.pcapng'), '--drops'])
    await other.began
    const brief = capture(['ca', file('brief.pcapng'), '--duration', '100ms'])
    await send(10, 8)
    for (const { child } of [one, other]) {
      child.kill('SIGINT')
    }
    expect(await brief.ended).toMatchObject({
      status: 0,
      stderr: expect.stringMatching(/^\d+ frames captured, 0 lost$/m),
    })
    expect((await other.ended).stderr).toMatch(/^2 frames captured, 0 lost$/m)
    expect(await one.ended).toMatchObject({ status: 0, stdout: '' })
    expect(framesIn(file('one.pcapng')).filter(frame => !frame.endsWith('!'))).toHaveLength(10)
    expect(framesIn(file('other.pcapng'))).toEqual(['ca 4!', 'ca 9!'])
    expect((await vnet.stop()).status).toBe(0)
  })

  test('vnet capture writes the interfaces of several vnets into one file, and ends with the last vnet', async () => {
    const vnet = await startVnet(cable())
    const loop = await startVnet([
      'loop',
      '--netns',
      near.name,
      '--name',
      'lo7',
      '--no-address',
      '--json',
    ])
    const { began, ended } = capture(['ca', 'lo7', file('a.pcapng')])
    await began
    await send(2)
    await loop.stop()
    await vnet.stop()
    expect(await ended).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('2 frames captured, 0 lost'),
    })
    expect(framesIn(file('a.pcapng'))).toEqual(['ca 0', 'ca 1'])
  })

  test('tcpdump reads vnet capture live, and ends it once it has its packets', async () => {
    await startVnet(cable())
    const command = `${process.execPath} ${PROGRAM} capture ca - | tcpdump -c 3 -enr - 2>/dev/null; echo "\${PIPESTATUS[*]}"`
    const child = near.spawn(['bash', '-c', command])
    const began = once(child.stderr, 'data')
    const shown: string[] = []
    child.stdout.setEncoding('utf8').on('data', text => shown.push(text))
    await began
    await send(3)
    await once(child, 'close')
    expect(shown.join('').match(/ethertype Unknown \(0x88b5\)/g)).toHaveLength(3)
    expect(shown.join('')).toMatch(/\n0 0\n$/)
  })

  test('vnet capture refuses an interface in the place of the file', async () => {
    await startVnet(cable())
    expect(await capture(['ca']).ended).toMatchObject({
      status: 2,
      stderr: 'vnet: ca is an interface: name a file last, such as ca.pcapng, or - for stdout\n',
    })
  })

  test('vnet capture ends by Ctrl-C with a whole file, even while its vnet is stopped', async () => {
    const vnet = await spawnVnet(cable())
    const { child, began, ended } = capture(['ca', file('a.pcapng')])
    await began
    await untilWritten(file('a.pcapng'))
    process.kill(vnet.pid, 'SIGSTOP')
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ status: 0 })
    process.kill(vnet.pid, 'SIGCONT')
    expect(framesIn(file('a.pcapng'))).toEqual([])
  })
})

describe('a client that', () => {
  /** Sends `count` frames of 1,400 bytes, and waits for each 200 of them: a TAP holds 500. */
  async function exchange(count: number): Promise<void> {
    using from = new PacketSocket(near, 'ca')
    using to = new PacketSocket(far, 'cb')
    const frame = new Uint8Array(1400).fill(0xff, 0, 6)
    frame.set([2, 0, 0, 0, 0, 1, 0x88, 0xb5], 6)
    for (let sent = 0; sent < count; sent += 200) {
      for (let i = 0; i < 200; i++) {
        from.send(frame)
      }
      await to.until(() => to.frames.length === 200)
      to.frames.length = 0
    }
  }

  test('a client that never reads costs a bounded buffer and no frame; its lost frames are counted', async () => {
    const COUNT = 20_000
    const vnet = await spawnVnet(cable(), holding(file('held')))
    const { client, ca } = await connected()
    await exchange(1000)
    const before = await heldMiB(vnet, file('held'))
    const stream = await client.capture(ca.vnet)
    await exchange(COUNT)
    // All frames at both ends would take more than 56 MiB, the buffer takes 16.
    expect((await heldMiB(vnet, file('held'))) - before).toBeLessThan(32)
    const written = new CaptureFile(file('a.pcapng'))
    const sink = written.source()
    stream.stop()
    for await (const bytes of stream) {
      await sink.write(bytes)
    }
    await written[Symbol.asyncDispose]()
    expect(written.lost).toBeGreaterThan(COUNT)
    expect(written.frames + written.lost).toBe(2 * COUNT)
    expect(framesIn(file('a.pcapng'))).toHaveLength(written.frames)
    // Neither does one that does not read keep the vnet from its end: it loses the rest.
    const unread = await client.capture(ca.vnet)
    await exchange(1000)
    const stats = await stopConserved(vnet)
    expect(stats.cb?.total.rxPackets).toBe(COUNT + 2000)
    let bytes = 0
    for await (const { length } of unread) {
      bytes += length
    }
    expect(bytes).toBeLessThan(1000 * 1400)
  })

  test('a killed client frees its captures', async () => {
    const vnet = await spawnVnet(cable())
    const { client, ca } = await connected()
    const script = `
import socket, struct, sys
socks = [socket.socket(socket.AF_UNIX) for _ in range(16)]
for sock in socks:
    sock.connect(sys.argv[1])
    sock.sendall(struct.pack('=IHHIIBBH', 20, 0x3f0, 5, 1, 0, ${CAPTURE}, 1, 0))
    error, = struct.unpack_from('=i', sock.recv(36, socket.MSG_WAITALL), 16)
    print(error, flush=True)
sys.stdin.read()`
    const child = near.spawn(['python3', '-c', script, ca.vnet])
    let text = ''
    for await (const more of child.stdout.setEncoding('utf8')) {
      text += more
      if (text.split('\n').length > 16) break
    }
    expect(text).toBe('0\n'.repeat(16))
    await expect(client.capture(ca.vnet)).rejects.toMatchObject({ code: 'EBUSY' })
    await send(5)
    child.kill('SIGKILL')
    await once(child, 'close')
    const streams: CaptureStream[] = []
    for (let i = 0; i < 16; i++) {
      streams.push(await client.capture(ca.vnet))
    }
    for (const stream of streams) {
      await stream[Symbol.asyncDispose]()
    }
    await send(5)
    await stopConserved(vnet)
  })

  test('a client that sends wrong requests is refused each time, and the vnet runs on', async () => {
    await startVnet(cable())
    const { ca } = await connected()
    const requests = [
      ['54=00000000', 'snaplen: must be at least 1'],
      ['54=000000', 'snaplen: has 3 bytes, not 4'],
      [`55=${Buffer.from('tcp\0').toString('hex')}`, 'the filter has no program'],
      ['56=0500000009000000', expect.stringContaining('the program of the filter')],
      [
        `53=100001000c000200${Buffer.from('nowhere\0').toString('hex')}`,
        'there is no such interface',
      ],
      ['53=ffff0100', expect.any(String)],
      ['99=00', expect.stringContaining('unknown attribute type 99')],
    ] as const
    const asked = requests.map(([attributes]) => `${CAPTURE}:${attributes}`).join(' ')
    const { stdout } = await near.run(`python3 ${genlAsk} ${ca.vnet} ${asked}`)
    expect(jsonLines(stdout).map(({ text }) => text)).toEqual(requests.map(([, text]) => text))
    const { began, child, ended } = capture(['ca', file('a.pcapng')])
    await began
    await send(1)
    child.kill('SIGTERM')
    expect((await ended).stderr).toContain('1 frames captured')
  })
})
