/** `lab.internet()`: sockets of a test find names of the Internet from a host, past its links. */
import { once } from 'node:events'
import { expect, test } from 'vitest'
import { ended, TREE } from '#support/ordinary-user.ts'
import { MACHINE_ADDRESS, SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { server, vnet } = standInInternet()

/** Runs the body of a program of an ordinary user, with `lab`, its host `client`, and `fails`. */
function run(body: string): unknown {
  const program = `
    import http from 'node:http'
    import { once } from 'node:events'
    import { createLab } from '${TREE}/packages/lab/dist/index.js'
    const lab = await createLab()
    const [client] = lab.hosts('client')
    const fails = promise =>
      promise.then(() => 'settled', error => error.cause?.code ?? (error.errno ? error.code : error.message))
    const show = value => console.log(JSON.stringify(value))
    ${body}
    await lab.close()`
  const node = [process.execPath, '--input-type=module', '-e', program]
  const { status, stdout, stderr } = ended([...vnet('rootless'), '--internet', '--', ...node])
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  return JSON.parse(stdout)
}

const NAME = 'www.example.test'

/** Prints a line when it listens. */
const ECHO = `
  const socket = require('node:dgram').createSocket('udp4')
  socket.on('message', (message, { port, address }) => socket.send(message, port, address))
  socket.bind(7, () => console.log('ready'))`

test('connections, requests and packets of the test find a name', async () => {
  await once(server.spawn([process.execPath, '-e', ECHO]).stdout, 'data')
  const shown = run(`
    const router = await lab.internet({ inside: [client] })
    const queries = await router.linkTo(client).ab.fault({ delay: '1ms' }, 'udp dst port 53')
    const fetched = await (await client.fetch('http://${NAME}/')).text()
    const socket = await client.connect(80, '${NAME}')
    const { remoteAddress } = socket
    const [response] = await once(http.get('http://${NAME}/', { agent: client.agent() }), 'response')
    const got = (await response.toArray()).join('')
    const udp = await client.createSocket('udp4')
    udp.send('x', 7, '${NAME}')
    const [, { address }] = await once(udp, 'message')
    show({ fetched, remoteAddress, got, address, queries: queries.hits })`)
  expect(shown).toEqual({
    fetched: `::ffff:${MACHINE_ADDRESS}\n`,
    remoteAddress: SERVER_ADDRESS,
    got: `::ffff:${MACHINE_ADDRESS}\n`,
    address: SERVER_ADDRESS,
    queries: 4,
  })
})

test('a lost query is sent again, and a name without an answer is EAI_AGAIN', () => {
  const shown = run(`
    const router = await lab.internet({ inside: [client] })
    const { ab } = router.linkTo(client)
    const first = await ab.drop('udp dst port 53', { first: 1 })
    await client.connect(80, '${NAME}')
    await first.remove()
    const all = await ab.drop('udp dst port 53')
    show({ first: first.hits, code: await fails(client.connect(80, '${NAME}')), all: all.hits })`)
  expect(shown).toEqual({ first: 1, code: 'EAI_AGAIN', all: 2 })
})

test('an unknown name is ENOTFOUND, and a name without a dot is not one of the Internet', () => {
  const shown = run(`
    await lab.internet({ inside: [client] })
    const udp = await client.createSocket('udp6')
    const send = () => new Promise((done, failed) => udp.send('x', 53, '${NAME}', error => error ? failed(error) : done()))
    show([
      await fails(client.connect(80, 'unknown.test')),
      await fails(client.fetch('http://unknown.test/')),
      await fails(send()),
      await fails(client.connect(80, 'sevrer')),
    ])`)
  const known = 'sevrer: the lab has no host of this name; it has client, internet'
  expect(shown).toEqual(['ENOTFOUND', 'ENOTFOUND', 'ENOTFOUND', known])
})

test('a host without a way to the Internet finds hosts of the lab only', () => {
  const shown = run(`
    const [other] = lab.hosts('other')
    await lab.cable(client, other)
    show(await fails(client.connect(80, '${NAME}')))`)
  expect(shown).toBe(`${NAME}: the lab has no host of this name; it has client, other`)
})

test('a datagram above the MTU is lost, and named among the drops', async () => {
  const shown = run(`
    await lab.internet({ inside: [client] })
    const udp = await client.createSocket('udp4')
    await new Promise(sent => udp.send(Buffer.alloc(3000), 7, '${SERVER_ADDRESS}', sent))
    while ((await lab.drops()).length === 0);
    show(await lab.drops())`)
  expect(shown).toEqual([
    expect.stringMatching(/^internet: \d fragments of UDP datagrams above the MTU: lost/),
  ])
})
