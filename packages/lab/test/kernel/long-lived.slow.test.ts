/**
 * Commands that run for days: after many labs or clients have come and gone, each has open what it
 * had before, and no network namespace of theirs.
 */
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import net from 'node:net'
import { text } from 'node:stream/consumers'
import { afterEach, expect, onTestFinished, test } from 'vitest'
import { staysAsItIs, VISITS } from '#support/long-lived.ts'
import { OwnNetns, outcome } from '#support/netns.ts'
import { either } from '#support/scale.ts'
import { seen } from '#support/visible-lab.ts'
import { jsonLines, type Running, spawnVnet } from '#support/vnet-process.ts'
import { createLab } from '../../src/index.ts'
import { runningHost } from '../support/host-command.ts'

/** One that leaves something open shows. */
const LABS = either(VISITS, 10)
const own = new OwnNetns()
afterEach(() => own.remove())

/** Makes a lab of this process, and calls `fn` while it runs. */
async function withLab(nth: number, fn: (name: string) => Promise<void>): Promise<void> {
  const name = `visit-${process.pid}-${nth}`
  const lab = await createLab({ name })
  try {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    await seen(name)
    await fn(name)
  } finally {
    await lab.close()
  }
}

const urlOf = ({ stdout }: Running) => `${jsonLines(stdout)[0]?.metrics}`

test('the metrics keep nothing of labs that have ended', async () => {
  const metrics = await spawnVnet(['metrics', '127.0.0.1:0', '--all', '--json'])
  const scrape = async () =>
    (await fetch(urlOf(metrics), { headers: { connection: 'close' } })).text()
  await staysAsItIs(
    metrics.pid,
    nth =>
      // A scrape may not see a lab yet that has just started.
      withLab(nth, name => expect.poll(scrape).toContain(`${name}:client`)),
    LABS,
  )
}, 600_000)

/** A page that is open: it reads the messages that it gets, until it is closed. */
class OpenPage {
  readonly #url: URL
  readonly #ended = new AbortController()
  readonly #reading: Promise<void>
  #text = ''

  constructor(url: URL, query: Readonly<Record<string, string>> = {}) {
    this.#url = new URL(`/events?${url.hash.slice(1)}&${new URLSearchParams(query)}`, url)
    this.#reading = this.#read()
  }

  /** The text of its latest message of a type; undefined without one. */
  latest(type: string): string | undefined {
    return [...this.#text.matchAll(new RegExp(`^data: (\\{"type":"${type}".*)\\n`, 'gm'))].at(
      -1,
    )?.[1]
  }

  async close(): Promise<void> {
    this.#ended.abort()
    await this.#reading
  }

  async #read(): Promise<void> {
    try {
      const { body } = await fetch(this.#url, { signal: this.#ended.signal })
      for await (const chunk of body ?? []) {
        this.#text = (this.#text + Buffer.from(chunk)).slice(-200_000)
      }
    } catch (error) {
      if (!this.#ended.signal.aborted) throw error
    }
  }
}

/** The ids of the interfaces of a lab in the latest list of a page. */
function idsOf(page: OpenPage, name: string): string[] {
  const { vnets } = JSON.parse(page.latest('hello') ?? '{"vnets":[]}')
  const devices: { id: string; lab?: { name: string } }[] = vnets.flatMap(
    (vnet: { devices: [] }) => vnet.devices,
  )
  return devices.filter(({ lab }) => lab?.name === name).map(({ id }) => id)
}

test('the live page keeps nothing of labs that its viewer has looked at', async () => {
  const web = await spawnVnet(['web', '0', '--all', '--json'])
  const url = new URL(`${jsonLines(web.stdout)[0]?.web}`)
  const viewer = new OpenPage(url)
  try {
    await staysAsItIs(
      web.pid,
      nth =>
        withLab(nth, async name => {
          await expect.poll(() => idsOf(viewer, name), { timeout: 60_000 }).toHaveLength(2)
          const [device = '', peer = ''] = idsOf(viewer, name)
          const page = new OpenPage(url, {
            device,
            peer,
            want: 'parts,wire,late,params,frames,flights,step',
          })
          await expect
            .poll(() => page.latest('parts') && page.latest('wire'), { timeout: 60_000 })
            .toBeDefined()
          await page.close()
        }),
      LABS,
    )
  } finally {
    await viewer.close()
  }
}, 600_000)

test('toxiproxy and the process of its lab keep nothing of clients that have ended', async () => {
  const server = net
    .createServer(socket => void socket.on('error', () => {}).pipe(socket))
    .listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as net.AddressInfo
  const vnet = await spawnVnet(['toxiproxy', '--port', '0'], { until: /^ready: / })
  const [, api] = /(http:[^,]*),/.exec(await vnet.line(/^ready: /)) ?? []
  await vnet.line(/^packets of /)
  const proxy = { name: 'echo', listen: '127.0.0.1:0', upstream: `127.0.0.1:${port}` }
  const reply = await fetch(`${api}/proxies`, {
    method: 'POST',
    body: JSON.stringify(proxy),
    headers: { connection: 'close' },
  })
  const { listen } = (await reply.json()) as { listen: string }
  const [lab] = readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'utf8').split(' ')
  const visit = async () => {
    const socket = net.connect(Number(listen.split(':').at(-1)), '127.0.0.1')
    socket.end('hello')
    expect(await text(socket)).toBe('hello')
  }
  await staysAsItIs(vnet.pid, visit)
  await staysAsItIs(Number(lab), visit)
}, 600_000)

/** Connects to a port, sends a line and reads it, in a loop of one shell. */
const echoes = (address: string, visits: number) =>
  `for i in $(seq ${visits}); do exec 3<>/dev/tcp/${address}/7; echo hello >&3; read -r x <&3; exec 3>&-; echo $x; done`

test('a host on a TAP keeps nothing of clients that have ended', async () => {
  const { netns, vnet } = await runningHost(own)
  const visit = async () => {
    const { stdout } = await outcome(netns.spawn(['bash', '-c', echoes('198.18.1.2', VISITS / 10)]))
    expect(stdout).toBe('hello\n'.repeat(VISITS / 10))
  }
  await staysAsItIs(vnet.pid, visit, 10)
}, 600_000)

test('a simulated network keeps nothing of clients that have ended', async () => {
  const netns = own.add()
  netns.ip('link set lo up')
  const within = ['ip', 'netns', 'exec', netns.name]
  const vnet = await spawnVnet(['lan', 'eth9', '--address', '198.18.0.100/24'], { within })
  const visit = async () => {
    const { stdout } = await outcome(netns.spawn(['bash', '-c', echoes('198.18.0.1', VISITS / 10)]))
    expect(stdout).toBe('hello\n'.repeat(VISITS / 10))
  }
  await staysAsItIs(vnet.pid, visit, 10)
}, 600_000)
