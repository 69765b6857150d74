/** The links of a lab: wires, faults, partitions and carriers, while a test runs. */
import { execFileSync } from 'node:child_process'
import type { Socket } from 'node:dgram'
import { once } from 'node:events'
import { closeSync, openSync } from 'node:fs'
import net from 'node:net'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { loadNative } from '#src/linux/native.ts'
import { getLink, RouteSocket } from '#src/linux/rtnetlink.ts'
import { IF_OPER_UP } from '#src/linux/uapi.ts'
import { createLab, type Lab, type LabCableOptions, type LabHost } from '../../src/index.ts'

let lab: Lab
let client: LabHost
let server: LabHost

beforeEach(async () => {
  lab = await createLab({ seed: 7 })
  ;[client, server] = lab.hosts('client', 'server')
})
afterEach(() => lab.close())

/** Sends numbered datagrams, and returns the numbers that arrived. */
async function numbered(count: number): Promise<number[]> {
  const arrived: number[] = []
  const receiver = await server.createSocket('udp4', 5000)
  const ended = new Promise<void>(resolve => {
    receiver.on('message', message =>
      message.length === 0 ? resolve() : arrived.push(Number(message)),
    )
  })
  const sockets = [
    await client.createSocket('udp4', 6000),
    await client.createSocket('udp4'),
  ] as const
  const send = (socket: Socket, text: string) =>
    new Promise(resolve => socket.send(text, 5000, 'server', resolve))
  for (let i = 1; i <= count; i++) {
    await send(sockets[0], String(i))
  }
  await send(sockets[1], '')
  await ended
  for (const each of [receiver, ...sockets]) {
    each.close()
  }
  return arrived
}

/** The filter of what `numbered` counts. */
const PORT = 'udp src port 6000'

const cable = (options?: LabCableOptions) => lab.cable(client, server, options)
const range = (n: number) => Array.from({ length: n }, (_, i) => i + 1)

test('the wire loses the same packets for the same seed, and others for another', async () => {
  const losses: string[] = []
  for (const seed of [7, 7, 8]) {
    await using other = await createLab({ seed })
    ;[client, server] = other.hosts('client', 'server')
    await other.cable(client, server, { wire: `match "${PORT}" (loss 30%)` })
    losses.push((await numbered(40)).join())
  }
  expect(losses[0]).not.toBe(range(40).join())
  expect([losses[1] === losses[0], losses[2] === losses[0]]).toEqual([true, false])
})

test('what was sent before a change meets the wire as it was', async () => {
  const link = await cable()
  expect(await numbered(1)).toEqual([1])
  const socket = await client.createSocket('udp4')
  const send = () => new Promise(resolve => socket.send('', 5001, 'server', resolve))
  for (const count of [1, 5, 50]) {
    await using fault = await link.ab.drop('udp dst port 5001')
    for (let i = 0; i < count; i++) {
      await send()
    }
    await fault.remove()
    await send()
    expect(fault.hits).toBe(count)
  }
})

test('a wire is changed while it runs, in both directions or in one', async () => {
  const link = await cable({ wire: 'delay 1ms' })
  const events: unknown[] = []
  link.on('wire', (direction, words) => events.push([direction, words]))
  await link.wire('delay 2ms')
  await link.ba.wire('delay 3ms')
  await link.ab.wire('')
  const { ab, ba } = await link.stats()
  expect([ab.text, ba.text]).toEqual(['', 'delay 3ms'])
  expect(events).toEqual([
    ['ab', 'delay 2ms'],
    ['ba', 'delay 2ms'],
    ['ba', 'delay 3ms'],
    ['ab', ''],
  ])
})

test('wrong words and wrong filters are usage errors, and change nothing', async () => {
  // The worker that throws it has no line of this file.
  const line = /^FileError: '(soon|los)'.*links\.slow\.test/s
  await expect(cable({ wire: 'delay soon' })).rejects.toMatchObject({
    stack: expect.stringMatching(line),
  })
  expect(client.interfaces).toEqual([])
  const link = await cable({ wire: 'delay 1ms' })
  await expect(link.wire('loss')).rejects.toThrow('loss')
  await expect(link.ab.drop('tcp prot 80')).rejects.toThrow('tcp prot 80')
  await expect(link.ab.drop('tcp', { nth: 1, every: 2 })).rejects.toThrow(
    'one of first, nth and every',
  )
  await expect(link.wire('los')).rejects.toMatchObject({ stack: expect.stringMatching(line) })
  const { ab, ba } = await link.stats()
  expect([ab.text, ba.text]).toEqual(['delay 1ms', 'delay 1ms'])
})

test('a namespace name that is not a host name, or is taken, is a usage error', () => {
  const wrong = [
    [['a', 'b'], "host [ 'a', 'b' ]: names are arguments, as in lab.hosts('a', 'b')"],
    ['a b', "host 'a b': a name has 1 to 63 letters, digits and inner hyphens"],
    ['Server', "host 'Server': the name is taken"],
  ] as const
  for (const [name, message] of wrong) {
    expect(() => lab.hosts(name as string)).toThrow(message)
  }
  expect(lab.hosts('b')[0].name).toBe('b')
})

test('a cable and a connection without its other end are usage errors', async () => {
  await using other = await createLab()
  const [stranger] = other.hosts('stranger')
  for (const [end, named] of [
    [undefined, 'undefined'],
    ['server', "'server'"],
    [stranger, 'stranger, of another lab,'],
  ]) {
    await expect(lab.cable(client, end as LabHost)).rejects.toThrow(
      `cable: ${named} is not a host of the lab`,
    )
  }
  expect(client.interfaces).toEqual([])
  await expect(client.connect(80, undefined as unknown as string)).rejects.toThrow(
    'connect(port, host): undefined is not the name of a host',
  )
  await expect(client.connect('server' as unknown as number, 'server')).rejects.toThrow(
    "port 'server': a port is a number from 0 to 65535",
  )
})

test('an option that does not exist is a usage error', async () => {
  const [wires, sede] = [{ wires: 'loss 1%' }, { sede: 1 }]
  await expect(cable(wires as LabCableOptions)).rejects.toThrow(
    "cable: no option is called 'wires', but wire, mtu, ",
  )
  expect(client.interfaces).toEqual([])
  await expect(createLab(sede as object)).rejects.toThrow(
    "createLab: no option is called 'sede', but name, seed, stages, world, signal; did you mean 'seed'?",
  )
  await expect(lab.router('r', { insides: [] } as object)).rejects.toThrow(
    "router r: no option is called 'insides'",
  )
})

test('a fault drops the packets that it means, and counts them', async () => {
  const link = await cable()
  await using fault = await link.ab.drop(PORT, { nth: 3 })
  expect(await numbered(5)).toEqual([1, 2, 4, 5])
  expect(fault.hits).toBe(1)
})

test('faults and links are removed at the end of their scope', async () => {
  {
    await using link = await cable()
    {
      await using _fault = await link.ab.drop(PORT)
    }
    expect(await numbered(2)).toEqual([1, 2])
  }
  expect(client.interfaces).toEqual([])
})

test('a filter may hold quotes and any expression', async () => {
  const link = await cable()
  const quotes = `udp and "x" or 'y'`
  await using fault = await link.ab.drop('src port 6000 and udp[8] = 0x33', { first: 9 })
  expect(await numbered(5)).toEqual([1, 2, 4, 5])
  expect(fault.hits).toBe(1)
  await expect(link.ab.drop(quotes)).rejects.toThrow(quotes)
})

test('hit waits for the given number of hits, and returns immediately for past ones', async () => {
  const link = await cable()
  await using fault = await link.ab.fault('duplicate', PORT, { first: 2 })
  const hit = fault.hit(2)
  expect(await numbered(3)).toEqual([1, 1, 2, 2, 3])
  await hit
  await fault.hit()
})

test('hit rejects when the fault is removed, or the lab ends, before', async () => {
  const link = await cable()
  const removed = await link.ab.drop('udp')
  const closed = await link.ab.drop('udp')
  const waiting = [removed.hit(), closed.hit(2)].map(hit => hit.catch(error => error.message))
  await removed.remove()
  await lab.close()
  expect(await Promise.all(waiting)).toEqual([
    'the fault was removed after 0 of 1 hits',
    'the link was closed after 0 of 2 hits',
  ])
})

test('a removed fault hits nothing, and the count of another continues', async () => {
  const link = await cable()
  const first = await link.ab.drop(PORT, { nth: 1 })
  const other = await link.ab.drop(PORT, { nth: 4 })
  expect(await numbered(2)).toEqual([2])
  await first.remove()
  await first.remove()
  // The other has seen one packet.
  expect(await numbered(4)).toEqual([1, 2, 4])
  expect([first.hits, other.hits]).toEqual([1, 1])
})

test('faults delay, duplicate, corrupt and reset', async () => {
  const link = await cable()
  await using _delay = await link.ab.fault({ delay: '3600s' }, PORT, { nth: 1 })
  // It does not see the delayed packet.
  await using corrupt = await link.ab.fault('corrupt', PORT, { nth: 2 })
  // The kernel drops what has a wrong checksum, of IP or of UDP.
  expect(await numbered(4)).toEqual([2, 4])
  expect(corrupt.hits).toBe(1)
  await server.listen(
    net.createServer(socket => socket.on('error', () => {})),
    80,
  )
  await using reset = await link.ab.fault('reset', 'tcp', { nth: 3 })
  const socket = await client.connect(80, 'server')
  const failed = once(socket, 'error')
  socket.write('x')
  expect(String(await failed)).toContain('ECONNRESET')
  expect(reset.hits).toBe(1)
})

test('a fin, a reset and a silence are at a byte of a stream', async () => {
  const link = await cable()
  const SIZE = 200_000
  await server.listen(
    net.createServer(socket => socket.on('error', () => {}).end(Buffer.alloc(SIZE))),
    80,
  )
  /** Returns the bytes of a download, and how it ends. */
  const download = async () => {
    const socket = await client.connect(80, 'server')
    let bytes = 0
    socket.on('data', data => {
      bytes += data.length
    })
    const ended = new Promise(resolve => {
      socket.once('end', () => resolve('end'))
      socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code))
    })
    return [await ended, bytes]
  }
  const ended = async (action: 'fin' | 'reset') => {
    await using fault = await link.ba.fault(action, 'tcp src port 80', { byte: 150_001 })
    const result = await download()
    expect(fault.hits).toBe(1)
    return result
  }
  expect(await ended('fin')).toEqual(['end', 150_001])
  // Node shows a reset that arrives together with data as an end.
  expect(await ended('reset')).toEqual([expect.stringMatching(/^(end|ECONNRESET)$/), 150_001])
  expect(await download()).toEqual(['end', SIZE])
  await using silence = await link.ba.fault('silence', 'tcp src port 80', { byte: 0 })
  const socket = await client.connect(80, 'server')
  await silence.hit()
  expect((await client.exec('ping', ['-4', '-c1', '-W0.05', 'server'])).status).toBe(1)
  expect(socket.bytesRead).toBe(0)
})

test('a partition drops every packet for its time, and the carrier remains up', async () => {
  const link = await cable()
  const ping = (wait: string) => client.exec('ping', ['-4', '-c1', wait, 'server'])
  await link.partition(50)
  expect((await ping('-W30')).status).toBe(0)
  const partition = link.partition(60_000)
  // Settles when the partition has begun.
  await link.stats()
  expect((await ping('-W0.05')).status).toBe(1)
  expect((await client.exec('cat', ['/sys/class/net/server/carrier'])).stdout).toBe('1\n')
  await link.close()
  await partition
})

test('a partition for a wrong time is a usage error', async () => {
  const link = await cable()
  for (const ms of [Number.NaN, -1, '100ms' as unknown as number]) {
    await expect(link.partition(ms)).rejects.toThrow('is not a number of milliseconds, such as 100')
  }
})

test('down takes the carrier from both ends, up returns it, and both are events', async () => {
  const link = await cable()
  const events: string[] = []
  for (const event of ['up', 'down', 'close'] as const) {
    link.on(event, () => events.push(event))
  }
  const carriers = async () => {
    const ends = [
      client.exec('cat', ['/sys/class/net/server/carrier']),
      server.exec('cat', ['/sys/class/net/client/carrier']),
    ]
    return (await Promise.all(ends)).map(({ stdout }) => stdout.trim())
  }
  await link.down()
  expect(await carriers()).toEqual(['0', '0'])
  await link.up()
  expect(await carriers()).toEqual(['1', '1'])
  await Promise.all([link.close(), link.close(), link[Symbol.asyncDispose]()])
  expect(events).toEqual(['down', 'up', 'close'])
})

test('offline cuts the cable for its time, and a closed link ends it', async () => {
  const link = await cable()
  const events: string[] = []
  for (const event of ['up', 'down'] as const) {
    link.on(event, () => events.push(event))
  }
  const carrier = async () => (await client.exec('cat', ['/sys/class/net/server/carrier'])).stdout
  await link.offline(5)
  expect(events).toEqual(['down', 'up'])
  expect(await carrier()).toBe('1\n')
  const cut = once(link, 'down')
  const offline = link.offline(60_000)
  await cut
  expect(await carrier()).toBe('0\n')
  await link.close()
  await offline
  expect(events).toEqual(['down', 'up', 'down'])
})

test('when down or up returns, the kernels at both ends know it', async () => {
  const link = await cable()
  const native = loadNative()
  const ends = [client, server].map(({ path }) => openSync(path, 'r'))
  // At once: a program would take longer to start than the kernels need.
  const states = () =>
    ends.map((nsfd, i) => {
      using sock = RouteSocket.open(native, nsfd)
      const { carrier, operstate } = getLink(sock, { name: ['server', 'client'][i]! })!
      return carrier ? operstate : 'no carrier'
    })
  try {
    for (let i = 0; i < 5; i++) {
      await link.down()
      expect(states()).toEqual(['no carrier', 'no carrier'])
      await link.up()
      expect(states()).toEqual([IF_OPER_UP, IF_OPER_UP])
    }
  } finally {
    for (const fd of ends) {
      closeSync(fd)
    }
  }
})

test('packets pass immediately when up returns, even if programs tried to send meanwhile', async () => {
  const link = await cable()
  const receiver = await server.createSocket('udp4', 5000)
  const sender = await client.createSocket('udp4')
  const send = () => new Promise(resolve => sender.send('x', 5000, 'server', resolve))
  const states = async () =>
    (await client.exec('ip', ['-4', 'neigh', 'show', 'dev', 'server'])).stdout
  await link.down()
  // The kernel starts to look for the hardware address, and tries again only after a second. By
  // default it gives up after three seconds.
  await client.exec('sysctl', ['-qw', 'net.ipv4.neigh.server.mcast_solicit=60'])
  await send()
  expect(await states()).toContain('INCOMPLETE')
  const arrived = once(receiver, 'message')
  await link.up()
  expect(await states()).toContain('REACHABLE')
  await send()
  await arrived
})

test('listeners of events that a link does not have are usage errors, and so are hits below 1', async () => {
  const link = await cable()
  const listen = (event: string) => link.on(event as 'down', () => {})
  expect(() => listen('dwon')).toThrow("a link has no event 'dwon', but up, down, wire, close")
  await expect(once(link, 'dwon')).rejects.toThrow('dwon')
  for (const event of ['up', 'error']) {
    listen(event)
  }
  await using fault = await link.ab.drop('udp')
  for (const n of [0, -1, 1.5, '2' as unknown as number]) {
    await expect(fault.hit(n)).rejects.toThrow('is not a whole number of at least 1')
  }
})

test('expectNoLoss passes until a frame is lost, and then names the reason', async () => {
  const link = await cable()
  expect((await client.exec('ping', ['-c2', '-i0.01', '-w30', 'server'])).status).toBe(0)
  await link.expectNoLoss()
  await using fault = await link.ba.drop('icmp or icmp6', { first: 1 })
  await client.exec('ping', ['-4', '-c1', '-W0.05', 'server'])
  await fault.hit()
  await expect(link.expectNoLoss()).rejects.toThrow(/^frames were lost: 1 at server \(WIRE_LOSS\)$/)
  const { b, ba } = await link.stats()
  expect(b.drops).toEqual({ WIRE_LOSS: 1 })
  expect(ba.stages).toMatchObject([{ dropped: 1 }])
})

test('both ends have the MTU of the cable, and below 1280 no IPv6', async () => {
  await cable({ mtu: 1280 })
  await lab.cable(server, client, { mtu: 576 })
  expect(client.interfaces.map(({ name }) => name)).toEqual(['server', 'server2'])
  expect(server.addresses).toEqual(['198.18.1.2', '2001:db8:0:1::2', '198.18.2.1'])
  const mtus = async (namespace: LabHost, name: string) =>
    (await namespace.exec('cat', [`/sys/class/net/${name}/mtu`, `/sys/class/net/${name}2/mtu`]))
      .stdout
  expect([await mtus(client, 'server'), await mtus(server, 'client')]).toEqual([
    '1280\n576\n',
    '1280\n576\n',
  ])
})

test('a link has the requested addresses, and they are removed with it', async () => {
  const link = await cable({ addresses: [['192.0.2.1/24'], ['192.0.2.2/24', '192.0.2.3/24']] })
  expect([client.addresses, server.addresses]).toEqual([['192.0.2.1'], ['192.0.2.2', '192.0.2.3']])
  expect((await client.exec('ping', ['-c1', '192.0.2.3'])).status).toBe(0)
  await link.close()
  expect(server.addresses).toEqual([])
  expect((await client.exec('getent', ['hosts', 'server'])).status).toBe(2)
  expect((await client.exec('ip', ['-br', 'link'])).stdout).not.toContain('server')
  await expect(link.wire('')).rejects.toThrow('the link is closed')
})

test('addresses in another form are usage errors that show the right one', async () => {
  const form = "give a list for each end: [['192.0.2.1/24'], ['192.0.2.2/24']]"
  const flat = ['192.0.2.1/24', '192.0.2.2/24'] as unknown as LabCableOptions['addresses']
  for (const addresses of [flat, [['192.0.2.1/24']] as unknown as typeof flat]) {
    await expect(cable({ addresses: addresses! })).rejects.toThrow(form)
  }
  await expect(cable({ addresses: [['192.0.2.1'], []] })).rejects.toThrow(
    "'192.0.2.1' is not an address with its prefix",
  )
  expect(client.interfaces).toEqual([])
})

test('a cable leaves no interface if its routes cannot be set', async () => {
  await lab.router('router', { inside: [client] })
  const [far] = lab.hosts('far')
  vi.spyOn(far.place.native, 'socket').mockImplementationOnce(() => -24)
  await expect(lab.cable(server, far)).rejects.toThrow('EMFILE')
  vi.restoreAllMocks()
  expect([server.interfaces, far.interfaces]).toEqual([[], []])
  expect((await server.exec('ip', ['-br', 'link'])).stdout).not.toContain('far')
})

test('namespaces may have the names that the kernel refuses for interfaces', async () => {
  const [all, other] = lab.hosts('all', 'default')
  await lab.cable(all, other)
  expect([all.interfaces[0]?.name, other.interfaces[0]?.name]).toEqual(['default2', 'all2'])
})

test('the hardware addresses of two runs are the same', async () => {
  await cable()
  expect((await client.exec('cat', ['/sys/class/net/server/address'])).stdout).toBe(
    '02:00:00:00:01:01\n',
  )
  expect((await server.exec('cat', ['/sys/class/net/client/address'])).stdout).toBe(
    '02:00:00:00:01:02\n',
  )
})

test('frames pass, partitions end and faults count while the test blocks its thread', async () => {
  const link = await cable({ wire: 'delay 5ms' })
  // Finds the other's hardware address.
  await client.exec('ping', ['-4', '-c1', 'server'])
  const fault = await link.ab.fault('duplicate', 'icmp', { first: 1 })
  // Asks again while the partition lasts.
  const words = `ping -4 -c2 -i0.05 -w30 ${server.addresses[0]}`
  const fd = openSync(client.path, 'r')
  try {
    const partition = link.partition(100)
    // Settles when the partition has begun: else a reply to the first packet could be lost.
    await link.stats()
    const printed = execFileSync('nsenter', ['--net=/proc/self/fd/3', 'sh', '-c', words], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit', fd],
    })
    expect(printed).toContain('+1 duplicates')
    expect(fault.hits).toBe(1)
    await partition
  } finally {
    closeSync(fd)
  }
})

test('fake timers of vitest stop neither a wire nor a partition, nor end the worker under a lab', async () => {
  await lab.close()
  vi.useFakeTimers()
  try {
    lab = await createLab()
    ;[client, server] = lab.hosts('client', 'server')
    const link = await cable({ wire: 'delay 2ms' })
    vi.advanceTimersByTime(3_600_000)
    await link.partition(5)
    expect((await client.exec('ping', ['-c1', '-W30', 'server'])).status).toBe(0)
    await lab.close()
    vi.advanceTimersByTime(3_600_000)
  } finally {
    vi.useRealTimers()
  }
})

test('the counters of replaced stages and of partitions that are over are kept', async () => {
  const link = await lab.cable(client, server)
  const socket = await client.createSocket('udp4')
  const lose = async (packets: number) => {
    const fault = await link.ab.drop('udp port 9')
    for (let i = 0; i < packets; i++) {
      socket.send('x', 9, 'server')
    }
    await fault.hit(packets)
    await fault.remove()
  }
  await lose(2)
  await lose(3)
  const { ab, ba } = await link.stats()
  expect([ab.stages, ba.former]).toEqual([[], []])
  expect(ab.former.reduce((sum, { dropped }) => sum + dropped, 0)).toBe(5)
  const ended = link.partition(60_000)
  await link.stats()
  socket.send('x', 9, 'server')
  await expect.poll(async () => (await link.stats()).ab.stages[0]?.dropped).toBeGreaterThan(0)
  await link.wire('delay 1ms')
  expect((await link.stats()).ab.stages.map(({ stage }) => stage)).toEqual(['partition', 'delay'])
  await link.close()
  await ended
})

test('the lateness of a link is the lateness that its stages report', async () => {
  const link = await lab.cable(client, server)
  expect(await link.lateness()).toEqual({ ab: 0, ba: 0 })
  await link.change({ ab: 'delay 1ms' })
  await numbered(20)
  const latest = async () =>
    (await link.stats()).ab.stages[0]?.late?.counts.at(-1)?.[0] ?? Number.NaN
  // The kernel's own packets pass meanwhile.
  const before = await latest()
  const { ab, ba } = await link.lateness()
  expect([before <= ab, ab <= (await latest()), ba]).toEqual([true, true, 0])
})
