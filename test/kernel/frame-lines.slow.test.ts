/** Log lines for frames (IFF_DEBUG, -vv), and the length of the kernel's queue (txqueuelen). */
import { describe, expect, test } from 'vitest'
import { ethernet } from '#support/frames.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { PacketSocket } from '#support/packet-socket.ts'
import { shownLink } from '#support/shown-link.ts'
import { pingOnce } from '#support/traffic.ts'
import { jsonLines, type Running, startVnet, stopConserved } from '#support/vnet-process.ts'

const { near, far } = freshQuietNamespaces('near', 'far')

/** The messages in the log of a vnet. */
const messages = (vnet: Running) =>
  jsonLines(vnet.stdout).flatMap(({ event, message }) =>
    event === 'log' ? [message as string] : [],
  )
/** The messages about single frames, without what differs from run to run. */
const frameLines = (vnet: Running) =>
  messages(vnet).flatMap(line =>
    /^\S+: [tr]x-\d+ /.test(line) ? [line.replace(/, id \d+.*/, '')] : [],
  )

/** One by one: of several, the last reply may come after ping has ended. */
async function ping(count: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    await pingOnce(near, '198.18.0.2')
  }
}

/** Waits until the driver was notified of all changes of an interface. */
async function heard(vnet: Running, name: string): Promise<void> {
  const mtu = shownLink(near, name).mtu - 1
  near.ip(`link set ${name} mtu ${mtu}`)
  await vnet.line(new RegExp(`${name}: mtu ${mtu}"`))
}

describe('IFF_DEBUG', () => {
  /** Like `ifconfig NAME debug`, by SIOCSIFFLAGS. */
  async function setDebug(name: string, on: boolean): Promise<void> {
    const script = `
import fcntl, socket, struct
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
ifreq = fcntl.ioctl(sock, 0x8913, struct.pack("16sH22x", b"${name}", 0))
flags, = struct.unpack("16xH22x", ifreq)
flags = ${on ? 'flags | 4' : 'flags & ~4'}
fcntl.ioctl(sock, 0x8914, struct.pack("16sH22x", b"${name}", flags))`
    const child = near.spawn(['python3', '-c', script])
    expect(await new Promise(resolve => child.on('close', resolve))).toBe(0)
  }

  test('IFF_DEBUG logs a line for each frame, sent and received, while it is on', async () => {
    const vnet = await startVnet(['snull', '--netns', near.name, '--json', '-v'])
    await ping(1)
    expect(frameLines(vnet)).toEqual([])
    await setDebug('sn0', true)
    await heard(vnet, 'sn0')
    await ping(1)
    const lines = [
      'sn0: tx-0 IP 198.18.0.1 > 198.18.0.2: ICMP echo request',
      'sn0: rx-0 IP 198.18.0.2 > 198.18.0.1: ICMP echo reply',
    ]
    expect(frameLines(vnet)).toEqual(lines)
    await ping(2)
    expect(frameLines(vnet)).toEqual([...lines, ...lines, ...lines])
    await setDebug('sn0', false)
    await heard(vnet, 'sn0')
    await ping(1)
    expect(frameLines(vnet)).toHaveLength(6)
    // Also lines of the other interface.
    await setDebug('sn1', true)
    await heard(vnet, 'sn1')
    await ping(1)
    expect(frameLines(vnet).slice(6)).toEqual([
      'sn1: rx-0 IP 198.18.1.1 > 198.18.1.2: ICMP echo request',
      'sn1: tx-0 IP 198.18.1.2 > 198.18.1.1: ICMP echo reply',
    ])
    await stopConserved(vnet)
  })

  test('IFF_DEBUG set at the start logs frames without -v', async () => {
    await (await startVnet(['--persist', '--name', 'tap0', '--netns', near.name])).stop()
    await setDebug('tap0', true)
    const vnet = await startVnet(['--name', 'tap0', '--netns', near.name, '--json'])
    await ping(1)
    expect(frameLines(vnet)).toHaveLength(4)
    await stopConserved(vnet)
    near.ip('link del tap0')
  })

  test('IFF_DEBUG turned off does not stop the lines of -vv', async () => {
    const vnet = await startVnet(['--netns', near.name, '--json', '-vv'])
    await setDebug('vnet0', true)
    await heard(vnet, 'vnet0')
    await ping(1)
    const lines = frameLines(vnet).length
    await setDebug('vnet0', false)
    await heard(vnet, 'vnet0')
    await ping(1)
    expect([lines, frameLines(vnet).length]).toEqual([4, 8])
    await stopConserved(vnet)
  })
})

describe('-vv', () => {
  test('loop -vv logs each step of a frame, from open to unloaded', async () => {
    const vnet = await startVnet(['--netns', near.name, '--json', '-vv'])
    await ping(1)
    const { vnet0 } = await stopConserved(vnet)
    const all = messages(vnet)
    const from = all.indexOf('vnet0: device opened')
    const queue = (pattern: RegExp) =>
      all
        .map(line => pattern.exec(line))
        .find(found => found !== null)
        ?.slice(1) ?? []
    const [q, there] = queue(/^vnet0: TX queue (\d): enqueue, len 98$/)
    const steps = (tx: string, addresses: string, kind: string) => [
      `vnet0: tx-${tx} IP ${addresses}: ICMP echo ${kind}`,
      `vnet0: TX queue ${tx}: enqueue, len 98`,
      `vnet0: copied to RX queue ${Number(tx) % 2}`,
      `vnet0: RX queue ${Number(tx) % 2}: delivering, len 98`,
    ]
    expect(there).toBeUndefined()
    expect(all.slice(from + 1, from + 6).map(line => line.replace(/, id \d+.*/, ''))).toEqual([
      ...steps(q!, '198.18.0.1 > 198.18.0.2', 'request'),
      `vnet0: rx-${Number(q) % 2} IP 198.18.1.1 > 198.18.1.2: ICMP echo request`,
    ])
    expect(all.filter(line => /: (enqueue|delivering), len 98$/.test(line))).toHaveLength(4)
    expect(all.slice(-2)).toEqual(['vnet0: device closed', 'loop: module unloaded'])
    expect(vnet0!.total.txPackets).toBe(2)
  })

  test('the lines of -vv name the same queues as the counters', async () => {
    const vnet = await startVnet([
      '--netns',
      near.name,
      '--json',
      '-vv',
      '--txqs',
      '8',
      '--rxqs',
      '3',
    ])
    // Many flows, so that several queues are used.
    using sender = new PacketSocket(near, 'vnet0')
    using receiver = new PacketSocket(near, 'vnet0')
    const frames = 40
    for (let port = 1; port <= frames; port++) {
      sender.send(datagram(port))
    }
    await receiver.until(
      () => receiver.frames.filter(({ octets }) => octets[23] === 17).length === frames,
    )
    const { vnet0 } = await stopConserved(vnet)
    const count = (pattern: RegExp) => messages(vnet).filter(line => pattern.test(line)).length
    for (const [q, { txPackets }] of vnet0!.queues.entries()) {
      expect([q, count(new RegExp(`: TX queue ${q}: enqueue`))]).toEqual([q, txPackets])
      expect([q, count(new RegExp(`: tx-${q} (?!started|stopped|.*, dropped: )`))]).toEqual([
        q,
        txPackets,
      ])
    }
    expect(vnet0!.queues.filter(({ txPackets }) => txPackets > 0).length).toBeGreaterThan(2)
    for (const rx of [0, 1, 2]) {
      const sent = vnet0!.queues.reduce(
        (n, { txPackets }, q) => n + (q % 3 === rx ? txPackets : 0),
        0,
      )
      expect([rx, count(new RegExp(`: copied to RX queue ${rx}$`))]).toEqual([rx, sent])
      expect([rx, count(new RegExp(`: RX queue ${rx}: delivering`))]).toEqual([rx, sent])
    }
  })

  /** UDP without a checksum, from 198.18.0.1 to 198.18.0.2. */
  function datagram(port: number): Uint8Array {
    const ip = [0x45, 0, 0, 46, 0, 7, 0, 0, 64, 17, 0, 0, 198, 18, 0, 1, 198, 18, 0, 2]
    return ethernet(0x0800, [
      ...ip,
      0x20,
      port,
      0,
      9,
      0,
      26,
      0,
      0,
      ...new Array<number>(18).fill(0),
    ])
  }
})

describe('txqueuelen', () => {
  /** Sends a burst of frames, and waits until all frames that the kernel queued have arrived. */
  async function burst(vnet: Running, frames: number): Promise<void> {
    using receiver = new PacketSocket(far, 'right')
    using sender = new PacketSocket(near, 'left')
    // The driver, which is in this process, reads none of them in the meantime.
    for (let i = 0; i < frames; i++) {
      sender.send(ethernet(0x88b5, 46))
    }
    await receiver.until(
      () => receiver.frames.length >= Math.min(frames, shownLink(near, 'left').txqlen),
    )
    await heard(vnet, 'left')
  }
  const start = (...args: string[]) =>
    startVnet(['cable', `${near.name}/left`, `${far.name}/right`, '--json', '-v', ...args])

  test('the kernel queues --txqueuelen frames, and drops and counts the rest', async () => {
    const vnet = await start('--txqueuelen', '10')
    expect([shownLink(near, 'left').txqlen, shownLink(far, 'right').txqlen]).toEqual([10, 10])
    expect(messages(vnet)).toContain('left: dev_init_scheduler: qdisc noop, 10 frames a queue')
    await burst(vnet, 25)
    const { left, right } = await stopConserved(vnet)
    expect(left!.kernel).toMatchObject({ txPackets: 10, txDropped: 15 })
    expect([left!.total.txPackets, right!.total.rxPackets]).toEqual([10, 10])
  })

  test('`ip link` changes txqueuelen at run time', async () => {
    const vnet = await start()
    expect(shownLink(near, 'left').txqlen).toBe(1000)
    near.ip('link set left txqueuelen 20')
    await burst(vnet, 30)
    near.ip('link set left txqueuelen 50')
    await burst(vnet, 40)
    const { left, right } = await stopConserved(vnet)
    expect(left!.kernel).toMatchObject({ txPackets: 60, txDropped: 10 })
    expect(right!.total.rxPackets).toBe(60)
  })

  test('an invalid --txqueuelen is refused', async () => {
    const { runMain } = await import('#support/run-main.ts')
    for (const n of ['0', '-1', 'x', '1000001']) {
      const { status, stderr } = await runMain('--txqueuelen', n, '--netns', near.name)
      expect([status, stderr]).toEqual([
        2,
        expect.stringMatching(/--txqueuelen.*whole number from 1 to 1000000/),
      ])
    }
  })
})
