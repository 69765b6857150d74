/**
 * Hole punching between hosts inside all kinds of NAT (RFC 5128): the matrix of
 * packages/lab/docs/testing-nat.md. Each packet of a round has arrived, or was dropped, before the
 * next one is sent: a datagram by a server follows it on the same path.
 */
import type { RemoteInfo, Socket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  createLab,
  type Lab,
  type LabHost,
  type LabLink,
  type LabRouterOptions,
} from '../../src/index.ts'

const OWN = ['full-cone', 'restricted', 'port-restricted', 'symmetric']
/** With a firewall the router does not reply to packets that arrive before the hole is punched. */
const KINDS: Readonly<Record<string, LabRouterOptions>> = {
  ...Object.fromEntries(OWN.map(nat => [nat, { nat: nat as 'symmetric' }])),
  masquerade: { nat: 'masquerade' },
  'masquerade, block-inbound': { nat: 'masquerade', firewall: 'block-inbound' },
}
const pairsOf = (kinds: readonly string[]) =>
  kinds.flatMap((one, i) => kinds.slice(i).map(other => [one, other] as const))

/** Rounds in which both ends send: enough to reply to where packets came from. */
const ROUNDS = 3
const RENDEZVOUS = 3478

let lab: Lab
let server: LabHost
let rendezvous: Socket
const meeting = net.createServer()
/** Hosts inside a NAT of each kind, two for pairs of one kind. */
const hosts = new Map<string, { readonly host: LabHost; readonly outside: LabLink }>()

beforeAll(async () => {
  lab = await createLab({ seed: 7 })
  ;[server] = lab.hosts('server')
  const internet = await lab.router('internet', { inside: [server] })
  for (const [kind, options] of Object.entries(KINDS)) {
    for (const end of ['a', 'b']) {
      const [host] = lab.hosts(`h${hosts.size}`)
      const router = await lab.router(`r${hosts.size}`, {
        inside: [host],
        outside: internet,
        ...options,
      })
      hosts.set(`${kind} ${end}`, { host, outside: router.linkTo(internet) })
    }
  }
  rendezvous = await server.createSocket('udp4', RENDEZVOUS)
  await server.listen(meeting, RENDEZVOUS)
})
afterAll(() => lab.close())

const address = () => server.addresses[0]!

class Peer {
  readonly socket: Socket
  /** Where the server sees it. */
  seen!: RemoteInfo
  /** Where punches came from. */
  readonly reachedFrom = new Map<string, RemoteInfo>()

  constructor(socket: Socket) {
    this.socket = socket
    socket.on('message', (message, from) => {
      if (String(message) === 'punch') {
        this.reachedFrom.set(`${from.address}:${from.port}`, from)
      } else {
        socket.emit('sync')
      }
    })
  }

  send(text: string, { address: host, port }: { address: string; port: number }): Promise<void> {
    return new Promise((resolve, reject) =>
      this.socket.send(text, port, host, e => (e ? reject(e) : resolve())),
    )
  }

  async meet(): Promise<void> {
    const met = once(rendezvous, 'message')
    await this.send('here', { address: address(), port: RENDEZVOUS })
    this.seen = (await met)[1]
  }

  /** Sends to where a peer was seen, and replies. All has arrived when it settles. */
  async punch(other: Peer): Promise<void> {
    for (const place of [other.seen, ...this.reachedFrom.values()]) {
      await this.send('punch', place)
    }
    const met = once(rendezvous, 'message')
    const synced = once(other.socket, 'sync')
    await this.send('sync', { address: address(), port: RENDEZVOUS })
    await met
    rendezvous.send('sync', other.seen.port, other.seen.address)
    await synced
  }
}

async function punchUdp(one: LabHost, other: LabHost): Promise<boolean> {
  const [a, b] = [
    new Peer(await one.createSocket('udp4')),
    new Peer(await other.createSocket('udp4')),
  ] as const
  for (const peer of [a, b]) {
    await peer.meet()
  }
  for (let round = 0; round < ROUNDS; round++) {
    await a.punch(b)
    await b.punch(a)
  }
  return a.reachedFrom.size > 0 && b.reachedFrom.size > 0
}

/** Connects to the server, and later from the same port to a peer. */
const PUNCHER = `
  import net from 'node:net'
  import { parentPort, workerData } from 'node:worker_threads'
  const first = net.connect(workerData)
  const { localPort } = workerData
  parentPort.on('message', ({ address, port }) => {
    const peer = net.connect({ host: address, port, localPort, autoSelectFamily: false })
    peer.on('connect', () => parentPort.postMessage('connected'))
    peer.on('error', ({ code }) => parentPort.postMessage(code))
  })`
/** The next port of a host. */
let nextPort = 20_000

/**
 * Connects from each side to the address at which the server has seen the other side (RFC 5128
 * section 3.4). The first segment of one side is lost outside its NAT, so that the side waits when
 * the other side's segment arrives. That segment opens the connection, is refused, or is dropped by
 * the NAT.
 */
async function punchTcp(...ends: readonly [string, string]): Promise<boolean> {
  const waiting = await puncherOf(hosts.get(ends[0])!.host)
  const opening = await puncherOf(hosts.get(ends[1])!.host)
  const { outside } = hosts.get(ends[0])!
  const dropped = async () =>
    (await outside.stats()).ba.stages.find(({ stage }) => stage === 'nat')?.dropped ?? 0
  const before = await dropped()
  const lost = await outside.ab.drop('tcp[tcpflags] & tcp-syn != 0', { first: 1 })
  waiting.worker.postMessage(opening.seen)
  await lost.hit()
  opening.worker.postMessage(waiting.seen)
  while (opening.told.length === 0 && (await dropped()) === before) {}
  await lost.remove()
  const isOpen = opening.told.includes('connected')
  if (isOpen && waiting.told.length === 0) {
    await once(waiting.worker, 'message')
  }
  for (const { worker } of [waiting, opening]) {
    await worker.terminate()
  }
  return isOpen && waiting.told.includes('connected')
}

/** A thread on a host that has met the server, which sees it at `seen`. */
async function puncherOf(host: LabHost) {
  const accepted = once(meeting, 'connection')
  const workerData = { host: address(), port: RENDEZVOUS, localPort: nextPort++ }
  const worker = host.worker(new URL(`data:text/javascript,${encodeURIComponent(PUNCHER)}`), {
    workerData,
  })
  const told: string[] = []
  worker.on('message', text => told.push(text))
  const [{ remoteAddress = '', remotePort: port }] = (await accepted) as [net.Socket]
  return { worker, told, seen: { address: remoteAddress.replace('::ffff:', ''), port } }
}

/** The table of a protocol in the page: what each pair of kinds says. */
function documented(protocol: string): Map<string, boolean> {
  const table = readFileSync('packages/lab/docs/testing-nat.md', 'utf8')
    .split(`\n| ${protocol} |`)[1]!
    .split('\n\n')[0]!
  const cellsOf = (line: string) => line.split('|').map(cell => cell.replaceAll('`', '').trim())
  const [header = [], , ...rows] = table.split('\n').map(cellsOf)
  const kinds = header.filter(cell => cell !== '')
  return new Map(
    rows.flatMap(([, kind, ...cells]) =>
      kinds.map((other, i) => [`${kind} ${other}`, cells[i] === 'yes'] as const),
    ),
  )
}

test.each(pairsOf(Object.keys(KINDS)))(
  'UDP between %s and %s punches a hole if the page says so',
  async (one, other) => {
    const [a, b] = [hosts.get(`${one} a`)!.host, hosts.get(`${other} b`)!.host]
    const punched = (await punchUdp(a, b)) && (await punchUdp(b, a))
    expect(punched).toBe(documented('UDP').get(`${one} ${other}`))
  },
)

test.each(pairsOf(OWN))(
  'TCP between %s and %s punches a hole if the page says so',
  async (one, other) => {
    const punched =
      (await punchTcp(`${one} a`, `${other} b`)) && (await punchTcp(`${other} b`, `${one} a`))
    expect(punched).toBe(documented('TCP').get(`${one} ${other}`))
  },
)
