/** A host that misbehaves, with another host in memory as its peer: each word of host.misbehave. */
import net from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createLab, type Lab, type LabFault, type LabHost, type LabLink } from '../../src/index.ts'

const labs: Lab[] = []
afterEach(async () => {
  for (const lab of labs.splice(0)) {
    await lab.close()
  }
})

const PORT = 80
const FROM = `src port ${PORT}`
/** A filter of segments with data, by the lengths of IPv4 and TCP. */
const DATA = 'ip[2:2] - ((ip[0] & 0xf) << 2) - ((tcp[12] & 0xf0) >> 2)'
/** Only counts packets. */
const COUNT = 'pass' as 'drop'
function bytesOf(length: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) {
    bytes[i] = i * 7 + (i >> 8)
  }
  return bytes
}

interface Pair {
  readonly lab: Lab
  readonly client: LabHost
  readonly server: LabHost
  readonly link: LabLink
  /** Counts what the server sends. */
  sent(filter: string): Promise<LabFault>
  received(filter: string): Promise<LabFault>
}

/** Makes a client, and a server that misbehaves. */
async function pair(text: string): Promise<Pair> {
  const lab = await createLab({ world: 'memory' })
  labs.push(lab)
  const [client, server] = lab.hosts('client', 'server')
  const addresses = [['198.18.0.1/24'], ['198.18.0.2/24']] as const
  const link = await lab.cable(client, server, { wire: 'delay 5ms', addresses })
  await server.misbehave(text)
  const sent = (filter: string) => link.ba.fault(COUNT, filter)
  return { lab, client, server, link, sent, received: filter => link.ab.fault(COUNT, filter) }
}

interface Download {
  readonly data: Buffer
  readonly error: string | undefined
}

/** Reads all that the server sends to a connection. */
async function download({ client, server }: Pair, size: number): Promise<Download> {
  await server.listen(
    net.createServer(socket => socket.on('error', () => {}).end(bytesOf(size))),
    PORT,
  )
  return read(client)
}

function read(client: LabHost): Promise<Download> {
  return new Promise(resolve => {
    const chunks: Buffer[] = []
    let error: string | undefined
    client
      .createConnection(PORT, 'server')
      .on('data', chunk => chunks.push(chunk))
      .on('error', (failure: NodeJS.ErrnoException) => {
        error = failure.code
      })
      .on('close', () => resolve({ data: Buffer.concat(chunks), error }))
  })
}

/** Sends to the server. Returns what its connection has read at the end. */
async function upload({ client, server }: Pair, size: number): Promise<Buffer> {
  const all = new Promise<Buffer>(resolve => {
    const chunks: Buffer[] = []
    const serve = (socket: net.Socket) =>
      socket.on('data', chunk => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
    void server.listen(net.createServer(serve), PORT)
  })
  client.createConnection(PORT, 'server').end(bytesOf(size))
  return all
}

test('window 0 for 10s keeps data back, and then the host announces its window', async () => {
  const both = await pair('window 0 for 10s')
  const early = await both.received(`tcp dst port ${PORT} and ${DATA} > 1`)
  const uploaded = upload(both, 20_000)
  await both.lab.sleep('9s')
  expect(early.hits).toBe(0)
  expect(await uploaded).toEqual(bytesOf(20_000))
  // The last probe before was seconds ago, and the next one is due seconds later.
  expect(both.lab.now).toBeGreaterThan(10_000)
  expect(both.lab.now).toBeLessThan(10_500)
})

test('an empty text ends what the one before would do later', async () => {
  const made = await pair('window 1000 for 30s')
  await download(made, 5000)
  await made.lab.sleep('5s')
  await made.server.misbehave('')
  const later = await made.sent(FROM)
  await made.lab.sleep('40s')
  expect(later.hits).toBe(0)
})

test('window N is rounded up to the scale, and bounds the data in flight', async () => {
  const both = await pair('window 1000')
  const long = await both.received(`tcp dst port ${PORT} and ${DATA} > 1024`)
  expect(await upload(both, 20_000)).toEqual(bytesOf(20_000))
  expect(long.hits).toBe(0)
})

test('window shrink halves every second window, and all data arrives', async () => {
  const both = await pair('window shrink')
  const all = await both.sent(`tcp ${FROM} and tcp[13] & 2 = 0`)
  const small = await both.sent(`tcp ${FROM} and tcp[13] & 2 = 0 and tcp[14:2] < 300`)
  expect(await upload(both, 200_000)).toEqual(bytesOf(200_000))
  expect(small.hits).toBeGreaterThan(1)
  expect(small.hits).toBeLessThanOrEqual(all.hits)
})

test('segments 1 sends each byte by itself', async () => {
  const both = await pair('segments 1')
  const sent = await both.sent(`tcp ${FROM} and ${DATA} > 0`)
  const long = await both.sent(`tcp ${FROM} and ${DATA} > 1`)
  expect(await download(both, 300)).toEqual({ data: bytesOf(300), error: undefined })
  expect([sent.hits, long.hits]).toEqual([300, 0])
})

test('the SYN has the size of mss N', async () => {
  const both = await pair('mss 100')
  const said = await both.sent(`tcp ${FROM} and tcp[20:4] = 0x02040064`)
  const long = await both.received(`tcp dst port ${PORT} and ${DATA} > 100`)
  expect(await upload(both, 5000)).toEqual(bytesOf(5000))
  expect([said.hits, long.hits]).toEqual([1, 0])
})

test('no fin-ack acknowledges the data and never the FIN', async () => {
  const both = await pair('no fin-ack')
  const fins = await both.received(`tcp dst port ${PORT} and tcp[13] & 1 = 1`)
  const resets = await both.sent(`tcp ${FROM} and tcp[13] & 4 = 4`)
  expect(await upload(both, 3000)).toEqual(bytesOf(3000))
  await both.lab.sleep('20s')
  expect(fins.hits).toBeGreaterThan(3)
  expect(resets.hits).toBe(0)
})

test('data after fin follows each FIN, and the peer ignores it', async () => {
  const both = await pair('data after fin')
  const late = await both.sent(`tcp ${FROM} and ${DATA} = 14 and tcp[13] & 1 = 0`)
  expect(await download(both, 1000)).toEqual({ data: bytesOf(1000), error: undefined })
  expect(late.hits).toBe(1)
})

test('reset after N leaves between the bytes', async () => {
  const both = await pair('reset after 1000')
  const resets = await both.sent(`tcp ${FROM} and tcp[13] & 4 = 4`)
  const beyond = await both.sent(`tcp ${FROM} and ${DATA} > 1000`)
  expect(await download(both, 5000)).toEqual({ data: bytesOf(1000), error: 'ECONNRESET' })
  expect([resets.hits, beyond.hits]).toEqual([1, 2])
})

test.each([
  ['overlap', 2],
  ['repeat', 2],
  ['repeat 3', 4],
])('%s sends bytes again, which the peer takes once', async (text, times) => {
  const both = await pair(text)
  const sent = await both.sent(`tcp ${FROM} and ${DATA} > 0`)
  expect(await download(both, 1400)).toEqual({ data: bytesOf(1400), error: undefined })
  expect(sent.hits).toBe(times)
})

test('urgent marks the last byte of each segment', async () => {
  const both = await pair('urgent')
  const marked = await both.sent(`tcp ${FROM} and tcp[13] & 32 = 32 and tcp[18:2] = 1400`)
  await download(both, 1400)
  expect(marked.hits).toBe(1)
})

test('ICMP errors about a SYN refuse a connection', async () => {
  const both = await pair('icmp port-unreachable')
  const errors = await both.sent('icmp[0:2] = 0x0303')
  expect(await download(both, 10)).toEqual({ data: Buffer.alloc(0), error: 'ECONNREFUSED' })
  expect(errors.hits).toBe(1)
})

test('icmp TYPE/CODE sends any error', async () => {
  const both = await pair('icmp 3/9')
  const errors = await both.sent('icmp[0:2] = 0x0309')
  expect((await download(both, 10)).error).toBe('ENETUNREACH')
  expect(errors.hits).toBe(1)
})

test('icmp too-big makes the segments of the peer smaller', async () => {
  const both = await pair('icmp too-big 600 first 2')
  const long = await both.received(`tcp dst port ${PORT} and ip[2:2] > 600`)
  expect(await upload(both, 50_000)).toEqual(bytesOf(50_000))
  expect(long.hits).toBeLessThan(12)
})

test('ack delay holds pure ACKs back', async () => {
  const both = await pair('ack delay 2s')
  expect(await upload(both, 100)).toEqual(bytesOf(100))
  const { lab, sent } = both
  const acks = await sent(`tcp ${FROM} and ${DATA} = 0 and tcp[13] & 7 = 0`)
  await lab.sleep('1s')
  expect(acks.hits).toBe(0)
  await lab.sleep('2s')
  expect(acks.hits).toBeGreaterThan(0)
})

test('ack drop N loses the first pure ACKs of a connection', async () => {
  const both = await pair('ack drop 3')
  const acks = await both.sent(`tcp ${FROM} and ${DATA} = 0 and tcp[13] & 7 = 0`)
  const sent = await both.received(`tcp dst port ${PORT} and ${DATA} = 100`)
  await both.server.listen(net.createServer(), PORT)
  const socket = await both.client.connect(PORT, 'server')
  socket.write(bytesOf(100))
  await both.lab.sleep('30s')
  expect([sent.hits, acks.hits]).toEqual([4, 1])
})

test('checksum wrong loses segments at the peer', async () => {
  const both = await pair('checksum wrong first 2')
  expect(await download(both, 100)).toEqual({ data: bytesOf(100), error: undefined })
  expect(both.client.stats().TcpInErrs ?? both.client.stats().TcpInCsumErrors).toBe(2)
})

test('words that follow repeat act on one of the copies', async () => {
  const both = await pair('repeat checksum wrong nth 1')
  expect(await download(both, 100)).toEqual({ data: bytesOf(100), error: undefined })
  expect(both.client.stats().TcpInErrs ?? both.client.stats().TcpInCsumErrors).toBe(1)
})

test('match selects segments, words combine, and a new text replaces the one before', async () => {
  const both = await pair("match 'tcp src port 81' ( reset ) | segments 10 repeat first 3")
  const sent = await both.sent(`tcp ${FROM} and ${DATA} = 10`)
  expect((await download(both, 100)).data).toEqual(bytesOf(100))
  // The SYN-ACK and two of the ten segments are sent twice.
  expect(sent.hits).toBe(12)
  await both.server.misbehave('')
  expect((await read(both.client)).data).toEqual(bytesOf(100))
  expect(sent.hits).toBe(12)
})

test.each([
  [
    'widow 0',
    /^'widow' is not a word of misbehave; did you mean 'window'\?\n {2}widow 0\n {2}\^{5}$/,
  ],
  ['repeat | window', /^window needs a size or shrink: window 0\n {2}repeat \| window\n {17}\^$/],
  ['repeat 1001', /^'1001' is not a number of repetitions: a whole number from 1 to 1000\n/],
  ['window 0 for 10', /no unit.*\n.*\n {15}\^\^$/],
  ['icmp tired', /^'tired' is not an ICMP error: net-unreachable.*\n.*\n {7}\^{5}$/],
  ['icmp 3/300', /^'3\/300' is not an ICMP error/],
  ['no fin', /^'no' is not a word of misbehave/],
  ['for 10s', /^'for' is not a word of misbehave/],
  ['repeat first 1 first 2', /^first is given twice\n.*\n {17}\^{5}$/],
  ["match 'tcp prot 80' ( repeat )", /prot.*\n.*\n/],
  ["match 'tcp' repeat", /^match needs \( \.\.\. \)/],
  ["match 'tcp' ( repeat", /^this '\(' has no '\)'/],
  ['repeat )', /^a '\)' without its '\('/],
])('a wrong text points at its word: %s', async (text, error) => {
  await expect(pair(text)).rejects.toThrow(error)
})
