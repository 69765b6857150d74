/** Toxics on packets: the proxies of `vnet toxiproxy` over a link in the kernel. */
import { spawnSync } from 'node:child_process'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import net, { type AddressInfo, type Socket } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'
import { LabProcess } from '../../src/toxiproxy/lab-process.ts'
import { all, echo, HOUR, proxied, udpSocket } from '../support/toxiproxy.ts'

let lab: LabProcess
beforeAll(async () => {
  lab = await LabProcess.start(1)
}, 60_000)
afterAll(() => lab.close())

describe.each(['127.0.0.1', '::1'])('a proxy at %s', host => {
  test('carries a megabyte over the link, and both ends', async () => {
    const { connect } = await proxied({ lab, host })
    const socket = await connect()
    const sent = 'x'.repeat(1_000_000)
    socket.end(sent)
    expect(await all(socket)).toBe(sent)
  })

  test.each([
    ['latency', { latency: HOUR }, 'downstream'],
    ['latency', { latency: HOUR, jitter: 1 }, 'upstream'],
    ['bandwidth', { rate: 0 }, 'downstream'],
    ['packet_loss', { percent: 100 }, 'downstream'],
    ['silence', {}, 'upstream'],
    ['wire', { text: 'loss 100%' }, 'upstream'],
  ])(
    'holds back the data of a connection that exists: %s %j %s',
    async (type, attributes, stream) => {
      const { connect, toxic, proxies } = await proxied({ lab, host })
      const socket = await connect()
      expect(await echo(socket, 'a')).toBe('a')
      await toxic(type, attributes, { stream })
      let got: string | undefined
      const echoed = echo(socket, 'b').then(text => {
        got = text
        return text
      })
      // Another connection of another proxy passes meanwhile, both ways.
      const { connect: connectOther } = await proxied({ lab, host })
      expect(await echo(await connectOther(), 'c')).toBe('c')
      expect(got).toBeUndefined()
      await proxies.removeToxic('a', `${type}_${stream}`)
      expect(await echoed).toBe('b')
    },
  )

  test('makes connections during a latency, which is for data only', async () => {
    const { connect, toxic, proxies, server } = await proxied({ lab, host })
    await toxic('latency', { latency: HOUR })
    await toxic('latency', { latency: HOUR }, { stream: 'upstream' })
    const accepted = once(server, 'connection')
    const socket = await connect()
    await accepted
    socket.end()
    expect(await all(socket)).toBe('')
    expect(proxies.state.wire.ab).toMatch(/^match 'tcp dst port \d+' data \( delay /)
  })

  test('has toxics of streams beside those of packets', async () => {
    const { connect, toxic } = await proxied({ lab, host })
    await toxic('duplicate', { percent: 50 })
    await toxic('limit_data', { bytes: 7 })
    const socket = await connect()
    socket.end('more than seven')
    expect(await all(socket)).toBe('more th')
  })
})

test('proxies close and open while clients connect', async () => {
  const { connect, proxies, proxy } = await proxied({ lab })
  const port = Number(proxy.listen.split(':')[1])
  for (let i = 0; i < 30; i++) {
    const sockets: Socket[] = []
    const knock = () => void sockets.push(net.connect(port, '127.0.0.1').on('error', () => {}))
    const knocking = setInterval(knock, 1)
    await proxies.update('a', '{"enabled":false}')
    await proxies.update('a', '{"enabled":true}')
    clearInterval(knocking)
    for (const socket of sockets) {
      socket.destroy()
    }
  }
  expect(await echo(await connect(), 'a')).toBe('a')
})

test('calls after the end of the lab are rejected', async () => {
  const other = await LabProcess.start(1)
  const closed = other.close()
  await expect(other.call('unlisten', 1024)).rejects.toThrow('the process of the lab has ended')
  await closed
})

describe('UDP', () => {
  test('a proxy that does not start leaves no descriptor and no port of the link', async () => {
    const { proxies } = await proxied({ lab })
    const files = () => readdirSync('/proc/self/fd').length
    const before = files()
    const add = (listen: string, upstream: string) =>
      proxies.create(JSON.stringify({ name: 'u', listen, upstream, network: 'udp' }))
    for (let i = 0; i < 20; i++) {
      await expect(add('192.0.2.1:0', '127.0.0.1:9')).rejects.toThrow('assign')
    }
    await expect.poll(files).toBeLessThan(before + 10)
    const { call: real } = lab
    const call = vi.spyOn(lab, 'call')
    call.mockImplementation((...args) =>
      args[0] === 'bind' ? Promise.reject(new Error('lost')) : real.apply(lab, args),
    )
    await expect(add('127.0.0.1:0', '127.0.0.1:9')).rejects.toThrow('lost')
    expect(call.mock.calls.map(([name]) => name)).toEqual(['listen', 'bind', 'unlisten'])
    call.mockRestore()
    await expect.poll(files).toBeLessThan(before + 10)
  })

  test('a resolver asks again when its first question is lost', async () => {
    const { proxies } = await proxied({ lab })
    const server = await udpSocket()
    let questions = 0
    server.on('message', (question, { port, address }) => {
      questions++
      server.send(answerTo(question), port, address)
    })
    const upstream = `127.0.0.1:${(server.address() as AddressInfo).port}`
    const body = { name: 'dns', listen: '127.0.0.1:0', upstream, network: 'udp' }
    const { listen, network } = (await proxies.create(JSON.stringify(body))).toJSON()
    expect(network).toBe('udp')
    const resolver = new Resolver({ timeout: 100, tries: 4 })
    resolver.setServers([listen])
    expect(await resolver.resolve4('plain.example')).toEqual(['192.0.2.7'])
    expect(questions).toBe(1)
    const lost = { type: 'drop', stream: 'upstream', attributes: { filter: 'udp', first: 1 } }
    await proxies.addToxic('dns', JSON.stringify(lost))
    expect(await resolver.resolve4('again.example')).toEqual(['192.0.2.7'])
  })

  test('duplicates datagrams of one session, and not of another proxy', async () => {
    const { proxies } = await proxied({ lab })
    const server = await udpSocket('::1')
    server.on('message', (bytes, { port, address }) => server.send(bytes, port, address))
    const upstream = `[::1]:${(server.address() as AddressInfo).port}`
    const listens: string[] = []
    for (const name of ['twice', 'once']) {
      listens.push(
        (
          await proxies.create(
            JSON.stringify({ name, listen: '[::1]:0', upstream, network: 'udp' }),
          )
        ).listen,
      )
    }
    await proxies.addToxic('twice', '{"type":"duplicate","attributes":{"percent":100}}')
    const client = await udpSocket('::1')
    const got: string[] = []
    client.on('message', bytes => got.push(`${bytes}`))
    for (const [i, listen] of listens.entries()) {
      client.send(`${i}`, Number(listen.split(':').at(-1)), '::1')
    }
    await expect.poll(() => [...got].sort().join('')).toBe('001')
  })

  test('refuses toxics of TCP', async () => {
    const { proxies } = await proxied({ lab })
    await proxies.create(
      '{"name":"u","listen":"127.0.0.1:0","upstream":"127.0.0.1:9","network":"udp"}',
    )
    await expect(proxies.addToxic('u', '{"type":"slicer"}')).rejects.toMatchObject({ status: 400 })
  })
})

describe('texts of wires', () => {
  test.each([
    [{ text: 'dealy 3ms' }, /did you mean 'delay'/],
    [{ text: 'delay 3' }, /unit/],
    [{ text: 'loss 1% ) match udp ( loss 100%' }, /\)/],
    [{ text: 'trace /etc/passwd' }, /toxics read no files/],
    [{ text: `loss 1%${' '.repeat(2000)}` }, /at most 1000 characters/],
    [{ text: "match 'host example.org' ( loss 1% )" }, /names are not looked up/],
  ])('%j is refused, and changes nothing', async (attributes, message) => {
    const { toxic, proxies } = await proxied({ lab })
    await expect(toxic('wire', attributes)).rejects.toMatchObject({
      status: 400,
      message: expect.stringMatching(message),
    })
    expect(proxies.state.wire).toEqual({ ab: '', ba: '' })
    expect(proxies.get('a').toxics).toEqual([])
  })

  test('a text that fits alone, but not in its match, is refused for a disabled proxy, too', async () => {
    const { toxic, proxies } = await proxied({ lab })
    await proxies.update('a', '{"enabled":false}')
    const text = `${'match tcp ( '.repeat(16)}loss 1%${' )'.repeat(16)}`
    await expect(toxic('wire', { text })).rejects.toMatchObject({ status: 400 })
  })

  test('the wire is that of the toxics after populate, and after a reset that fails', async () => {
    const { toxic, proxies, proxy, add } = await proxied({ lab })
    const other = await add('b')
    await toxic('duplicate', { percent: 1 }, {}, 'b')
    const { name, listen } = other
    await proxies.populate([{ name, listen, upstream: '127.0.0.1:9' }], [])
    expect(proxies.state.wire.ba).toBe('')
    await toxic('duplicate', { percent: 1 })
    await proxies.update('b', JSON.stringify({ enabled: false, listen: proxy.listen }))
    await expect(proxies.reset()).rejects.toThrow('address already in use')
    expect(proxies.state.wire.ba).toBe('')
  })

  test('each toxic is a match of its proxy, for its share of the connections', async () => {
    const { toxic, proxies, proxy } = await proxied({ lab })
    await toxic('packet_loss', { percent: 1.5, burst: 3 }, { toxicity: 0.25 })
    await toxic('preset', { name: 'slow-3g' }, { stream: 'upstream' })
    await toxic('bandwidth', { rate: 100 })
    await toxic('drop', { nth: 3 }, { toxicity: 0 })
    const port = proxy.at?.port
    expect(proxies.state.wire).toEqual({
      ab: `match 'tcp dst port ${port}' ( preset slow-3g )`,
      ba: [
        `match 'tcp src port ${port}' flow 25% ( loss 1.5% burst 3 )`,
        `match 'tcp src port ${port}' data ( rate 800kbit -66 burst 500 limit 10000 )`,
      ].join(' '),
    })
    await proxies.updateToxic('a', 'preset_upstream', '{"attributes":{"name":"lte"}}')
    expect(proxies.state.wire.ab).toContain('preset lte')
    await expect(
      proxies.updateToxic('a', 'preset_upstream', '{"attributes":{"name":"7g"}}'),
    ).rejects.toThrow('7g')
    expect(proxies.state.wire.ab).toContain('preset lte')
    await proxies.update('a', '{"enabled":false}')
    expect(proxies.state).toMatchObject({ wire: { ab: '', ba: '' }, proxies: [] })
    await proxies.reset()
    expect(proxies.state.wire).toEqual({ ab: '', ba: '' })
  })
})

describe('the command', () => {
  const children = (pid: number) =>
    readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').trim().split(' ')
  const isThere = (pid: string) => {
    try {
      return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
    } catch {
      return false
    }
  }
  const start = () => spawnVnet(['toxiproxy', '--port', '0'], { until: /^ready: / })

  test('ends by a signal, and with its lab', async () => {
    const vnet = await start()
    expect(await vnet.line(/ready/)).toMatch(/^ready: http:\/\/127\.0\.0\.1:\d+, the link follows$/)
    expect(await vnet.line(/^packets/)).toMatch(/^packets of toxiproxy:client\/server/)
    expect(await vnet.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' })
    const other = await start()
    const [lab = ''] = children(other.pid)
    process.kill(Number(lab), 'SIGKILL')
    const { status, stderr } = await other.ended
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringContaining('the lab has ended (SIGKILL)'),
    })
  })

  test('ends by a signal that comes before its lab is ready', async () => {
    const vnet = await start()
    const [lab = ''] = children(vnet.pid)
    expect(await vnet.stop()).toMatchObject({ status: 0, stderr: '' })
    expect(isThere(lab)).toBe(false)
  })

  test('leaves no process when it is killed', async () => {
    const vnet = await start()
    const [lab = ''] = children(vnet.pid)
    expect(isThere(lab)).toBe(true)
    await vnet.stop('SIGKILL')
    await expect.poll(() => isThere(lab)).toBe(false)
  })

  test('ends with status 2 for a mistake in its file', async () => {
    const config = join(testDirectory(), 'toxiproxy.json')
    writeFileSync(config, '[{"name":"x"}]')
    const args = [PROGRAM, 'toxiproxy', '--port', '0', '--config', config, '--no-packets']
    const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8' })
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: `vnet: ${config}: missing required field: upstream at proxy 1\n`,
    })
  })

  test('starts with the proxies of a file', async () => {
    const config = join(testDirectory(), 'toxiproxy.json')
    writeFileSync(config, '[{"name":"x","listen":"127.0.0.1:0","upstream":"127.0.0.1:9"}]')
    const vnet = await spawnVnet(['toxiproxy', '--port', '0', '--config', config, '--no-packets'], {
      until: /^ready: /,
    })
    const [url] = /http:\S+(?=,)/.exec(await vnet.line(/ready/)) as RegExpExecArray
    expect(await (await fetch(`${url}/proxies`)).json()).toMatchObject({
      x: { enabled: true, upstream: '127.0.0.1:9' },
    })
  })
})

/** Returns an answer with the address 192.0.2.7. */
function answerTo(question: Buffer): Buffer {
  const answer = Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 7])
  const end = question.indexOf(0, 12) + 5
  const reply = Buffer.concat([question.subarray(0, end), answer])
  reply.writeUInt16BE(0x8180, 2)
  reply.writeUInt16BE(1, 6)
  reply.writeUInt32BE(0, 8)
  return reply
}
