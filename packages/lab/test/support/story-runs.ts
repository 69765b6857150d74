/**
 * Runs of labs in memory whose lost packets are known, and the story that the capture of one end
 * shows of them.
 */
import http from 'node:http'
import net from 'node:net'
import tls from 'node:tls'
import type { CapturedPacket } from '#src/capture/packet.ts'
import { CaptureReader } from '#src/capture/reader.ts'
import { pcapOf, recordsIn } from '#support/capture-records.ts'
import { Flows } from '../../src/carrier/flows.ts'
import { createLab } from '../../src/index.ts'
import { StoryReader } from '../../src/story/read-story.ts'
import type { Statement, Story, Way } from '../../src/story/story.ts'
import { pem } from '../memory/certificate.ts'

export const APPLICATIONS = ['raw', 'chat', 'http', 'tls'] as const

export interface StoryRun {
  readonly application: (typeof APPLICATIONS)[number]
  readonly wire: string
  readonly seed: number
  /** Bytes from the server, about. */
  readonly size: number
}

/** A packet by the name that faults have. */
export interface NamedPacket {
  readonly way: Way
  readonly part: string
  readonly n: number
  readonly end: number
  readonly copy: number
  /** Seconds of the lab. */
  readonly time: number
}

export interface EndCapture {
  readonly end: 'client' | 'server'
  /** The packets that this end sent or received, without vnet's reasons. */
  readonly packets: readonly CapturedPacket[]
  readonly lost: readonly NamedPacket[]
  /** The lost segments with data, SYN or FIN that left a trace here, and the other ones. */
  readonly traced: readonly NamedPacket[]
  readonly untraced: readonly NamedPacket[]
}

/** Runs a client and a server over one connection. Returns the captures of both ends. */
export async function runForStory({
  application,
  wire,
  seed,
  size,
}: StoryRun): Promise<EndCapture[]> {
  const lab = await createLab({ world: 'memory', seed })
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire, capture: true })
  if (application === 'http') {
    await server.listen(
      http.createServer((request, response) => request.pipe(response)),
      80,
    )
    await client.run(() => askSix(Buffer.alloc(size / 6, 'h')))
  } else {
    const answer = (socket: net.Socket) => {
      socket.on('error', () => {})
      if (application === 'chat') {
        socket.on('data', data => socket.write(data)).on('end', () => socket.end())
      } else {
        socket.resume().on('end', () => socket.end(Buffer.alloc(size, 's')))
      }
    }
    const options = { allowHalfOpen: true, key: pem, cert: pem }
    const isTls = application === 'tls'
    await server.listen(
      isTls ? tls.createServer(options, answer) : net.createServer(options, answer),
      443,
    )
    await client.run(async () => {
      const to = { host: 'server', port: 443, allowHalfOpen: true, ca: pem }
      const socket: net.Socket = isTls ? tls.connect(to) : net.connect(to)
      if (application === 'chat') {
        await chat(socket)
      } else {
        socket.end(Buffer.alloc(size / 4, 'c'))
      }
      for await (const _ of socket) {
        // It reads to the end.
      }
    })
  }
  const [file = ''] = lab.keepCaptures()
  await lab.close()
  return capturesOf(file)
}

async function askSix(body: Buffer): Promise<void> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  for (let i = 0; i < 6; i++) {
    await new Promise<void>((resolve, reject) => {
      const request = http.request({ host: 'server', agent, method: 'POST' }, response => {
        response.resume().on('end', resolve)
      })
      request.on('error', reject).end(body)
    })
  }
  agent.destroy()
}

async function chat(socket: net.Socket): Promise<void> {
  for (let i = 0; i < 12; i++) {
    socket.write(Buffer.alloc(20 + 400 * (i % 4), 'q'))
    await new Promise(resolve => socket.once('data', resolve))
  }
  socket.end()
}

interface Seen {
  readonly name: NamedPacket
  readonly packet: CapturedPacket
}

const OUTBOUND = 2

function capturesOf(file: string): EndCapture[] {
  const flows = new Flows(new Map())
  const names = new Map<number, NamedPacket>()
  const dropped: number[] = []
  const seen: Record<'client' | 'server', Seen[]> = { client: [], server: [] }
  for (const record of recordsIn(file)) {
    const { seconds, nanoseconds, originalLength, packetId: id = 0 } = record
    if (record.drop !== undefined) {
      dropped.push(id)
      continue
    }
    const end = record.interfaceName?.startsWith('lab:client') ? 'client' : 'server'
    const bytes = record.frame.slice()
    const capturedLength = bytes.length
    if (((record.flags ?? 0) & OUTBOUND) !== 0) {
      const named = flows.name(bytes, 0, bytes.length)
      if (named === undefined) continue
      const { part, n, end: to, copy } = named
      const way = end === 'client' ? 'ab' : 'ba'
      names.set(id, { way, part, n, end: to, copy, time: seconds + nanoseconds / 1e9 })
    }
    const name = names.get(id)
    const packet = {
      seconds,
      nanoseconds,
      interfaceIndex: 0,
      bytes,
      at: 0,
      capturedLength,
      originalLength,
    }
    if (name !== undefined) {
      seen[end].push({ name, packet })
    }
  }
  const lost = dropped.flatMap(id => names.get(id) ?? [])
  const segments = lost.filter(({ part }) => part === 'seq')
  return (['client', 'server'] as const).map(end => {
    const traced = segments.filter(name => isTraced(name, end, seen[end]))
    const untraced = segments.filter(name => !traced.includes(name))
    return { end, packets: seen[end].map(({ packet }) => packet), lost, traced, untraced }
  })
}

/** Whether a lost segment left a trace in the packets of an end. */
function isTraced(lost: NamedPacket, end: EndCapture['end'], seen: readonly Seen[]): boolean {
  const own = seen
    .map(({ name }) => name)
    .filter(({ way, part }) => way === lost.way && part === 'seq')
  const isSame = ({ n, end }: NamedPacket) => n <= lost.n && lost.n < end
  // Near its sender it passed the capture, and was sent again.
  if ((end === 'client') === (lost.way === 'ab')) {
    return own.some(one => isSame(one) && one.copy > lost.copy)
  }
  // Near its receiver bytes after it came before its repetition. Later copies leave no trace.
  const [again, after] = [own.findIndex(isSame), own.findIndex(({ n }) => n > lost.n)]
  return lost.copy === 1 && after >= 0 && after < again
}

/** Returns the story of packets, as a pcap file has them, cut to `snaplen`. */
export function storyOf(
  packets: readonly CapturedPacket[],
  snaplen = Number.POSITIVE_INFINITY,
): Story {
  return storyOfFile(
    pcapOf(packets.map(one => ({ ...one, capturedLength: Math.min(one.capturedLength, snaplen) }))),
  )
}

export function storyOfFile(bytes: Uint8Array): Story {
  const capture = new CaptureReader('capture')
  capture.push(bytes)
  capture.end()
  const reader = new StoryReader()
  for (let record = capture.next(); record !== undefined; record = capture.next()) {
    reader.take(record)
  }
  return reader.end()
}

/** The statements that say that a packet was lost, or that more were with it. */
const LOSSES: readonly string[] = ['lost', 'silence', 'black-hole', 'syn-repeated', 'forgotten']
/** The statements that name no packet. */
const OTHERS: readonly string[] = ['queue-full', 'zero-window', 'slow-reply', 'repeated']

/** Returns the traced packets without a statement, and the statements without a lost packet. */
export function compare({ traced, lost }: EndCapture, { flows, seconds }: Story) {
  const statements = flows.flatMap(flow => flow.statements)
  const isOf = (name: NamedPacket, { way, packet }: Statement) => {
    if (
      packet === undefined ||
      way !== name.way ||
      packet.part !== name.part ||
      packet.copy !== name.copy
    ) {
      return false
    }
    return name.part === 'seq' ? name.n <= packet.n && packet.n < name.end : name.n === packet.n
  }
  const isDuring = (name: NamedPacket, { kind, way, time, lasted = 0 }: Statement) => {
    const after = name.time - seconds - time / 1e9
    return kind !== 'lost' && way === name.way && after >= -1e-6 && after <= lasted / 1e9
  }
  const losses = statements.filter(({ kind }) => LOSSES.includes(kind))
  return {
    missed: traced.filter(name => !losses.some(one => isOf(name, one) || isDuring(name, one))),
    invented: statements.filter(
      one => !OTHERS.includes(one.kind) && !lost.some(name => isOf(name, one)),
    ),
  }
}
