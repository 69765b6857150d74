/** Names past a way out: the servers, and the other lines, of the machine's resolv.conf(5). */
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ended, TREE } from '#support/ordinary-user.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { machine, vnet } = standInInternet()
const SERVER_6 = '2001:db8:ffff::80'

/** Passes queries on the loopback to the DNS server of the stand-in. */
const RELAY = `
  const dgram = require('node:dgram')
  const from = dgram.createSocket({ type: 'udp6', ipv6Only: true })
  from.on('message', (query, { port, address }) => {
    const socket = dgram.createSocket('udp4')
    socket.on('message', reply => { from.send(reply, port, address); socket.close() }).send(query, 53, '${SERVER_ADDRESS}')
  })
  from.bind(53, '::1', () => console.log('ready'))`

/** Runs a command as a user of a machine with this resolv.conf. */
function inside(resolvConf: string, command: string, of: readonly string[] = ['run', '--quiet']) {
  const [name = '', ...options] = of
  const before = `printf '${resolvConf}' > /run/resolv.conf`
  const { status, stdout, stderr } = ended([
    ...vnet(name, { before }),
    ...options,
    '--',
    'sh',
    '-c',
    command,
  ])
  expect(stderr).toBe('')
  return { status, stdout }
}

const LOOK_UP = 'getent ahostsv4 example.test | head -1'
const FOUND = { status: 0, stdout: expect.stringMatching(/^192\.0\.2\.80 +STREAM/) }
const ROOTLESS = ['rootless', '--internet']

describe.each([['run'], ['rootless']])('in vnet %s', kind => {
  const of = kind === 'rootless' ? ROOTLESS : undefined

  test('an IPv6 server alone is asked', async () => {
    expect(inside(`nameserver ${SERVER_6}\\n`, LOOK_UP, of)).toEqual(FOUND)
  })

  test('an IPv6 server on the loopback of the machine is asked', async () => {
    await once(machine.spawn([process.execPath, '-e', RELAY]).stdout, 'data')
    expect(inside('nameserver ::1\\n', LOOK_UP, of)).toEqual(FOUND)
  })

  test('the second server is asked if the first does not answer', () => {
    const conf = `nameserver 192.0.2.99\\nnameserver ${SERVER_ADDRESS}\\noptions timeout:1\\n`
    expect(inside(conf, LOOK_UP, of)).toEqual(FOUND)
  })

  test('search, domain and options are those of the machine', () => {
    const others = 'search corp.test lan\noptions ndots:2 timeout:3\n'
    const conf = `# a comment\nnameserver ${SERVER_ADDRESS}\n${others}`.replaceAll('\n', '\\n')
    const { stdout } = inside(conf, 'cat /etc/resolv.conf; getent ahostsv4 short', of)
    expect(stdout).toContain(`nameserver 198.19.255.53\n${others}`)
    expect(stdout).toContain('short.corp.test')
  })
})

test('an IPv6 server is asked at its own address, too, and by TCP', () => {
  const text = `const resolver = new (require('node:dns').promises.Resolver)({ tries: 1 })
    resolver.setServers(['${SERVER_6}'])
    resolver.resolve4('example.test').then(console.log)`
  const { stdout } = inside(`nameserver ${SERVER_6}\\n`, `${process.execPath} -e "${text}"`)
  expect(stdout).toBe(`[ '${SERVER_ADDRESS}' ]\n`)
  const listed = `nameserver ${SERVER_ADDRESS}\\nnameserver ${SERVER_6}\\noptions use-vc\\n`
  expect(inside(listed, LOOK_UP)).toEqual(FOUND)
})

test('sockets of a test ask the second server, and an IPv6 server alone', () => {
  const program = `
    import { createLab } from '${TREE}/packages/lab/dist/index.js'
    const lab = await createLab()
    const [client] = lab.hosts('client')
    await lab.internet({ inside: [client] })
    const { remoteAddress } = await client.connect(80, 'www.example.test')
    console.log(remoteAddress)
    await lab.close()`
  const node = `cat > /tmp/run-dns.mjs <<'END'\n${program}\nEND\n${process.execPath} /tmp/run-dns.mjs`
  for (const conf of [
    `nameserver 192.0.2.99\\nnameserver ${SERVER_ADDRESS}\\n`,
    `nameserver ${SERVER_6}\\n`,
  ]) {
    expect(inside(conf, node, ROOTLESS).stdout).toBe(`${SERVER_ADDRESS}\n`)
  }
})
