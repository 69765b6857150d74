/**
 * TCP connections to the machine's network (native/rootless/tcp-out.cc), with real kernels at both
 * ends. test/kernel/tcp-out.slow.test.ts has their bytes over IPv4.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from 'vitest'
import { ended } from '#support/ordinary-user.ts'
import { SERVER_ADDRESS, standInInternet } from '../support/internet.ts'
import { expectEnds } from '../support/tcp-out.ts'

const internet = standInInternet()
const { machine, server, vnet, run } = internet
const ODD = 'packages/lab/test/support/odd-connections.py'

test.each([
  ['IPv6', '2001:db8:ffff::80', []],
  [
    'a wire that loses, repeats and reorders',
    SERVER_ADDRESS,
    ['--wire', 'delay 1ms loss 1% duplicate 2% reorder 5% gap 3'],
  ],
])('refusals, ends, resets and all bytes pass in both directions: %s', (_, address, options) =>
  expectEnds(internet, address, options),
)

test.each([
  ['an urgent byte remains in the stream', 'urgent', 'before!after'],
  ['a client may use a port again that the server has closed', 'port', 'xxxxx'],
  ['servers that close while 800 clients send end no other connection', 'deaf', 'last'],
])('%s', async (_, kind, answer) => {
  const { stdout } = server.spawn(['python3', ODD, 'serve', kind])
  await once(stdout, 'data')
  expect(run('--quiet', '--', 'python3', ODD, kind, SERVER_ADDRESS)).toEqual({
    status: 0,
    stdout: `${answer}\n`,
    stderr: '',
  })
})

test('connections beyond the limit are counted', () => {
  const program = `let open = 0
    for (let i = 0; i < 70; i++) net.connect(80, '${SERVER_ADDRESS}').on('connect', () => ++open === 39 && process.exit())`
  const words = [...vnet('run', { before: 'ulimit -n 300' }), '--', process.execPath, '-e', program]
  const { stderr } = ended(words)
  expect(stderr).toMatch(
    /\nvnet: 31 SYNs of too many TCP connections: lost, raise the hard limit of ulimit -n\n/,
  )
})

test('a server that has vanished is noticed by keepalive outside', async () => {
  const program = `net.connect(80, '${SERVER_ADDRESS}').on('connect', () => console.log('open'))`
  const [command = '', ...args] = [...vnet('run'), '--quiet', '--', process.execPath, '-e', program]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(child.stdout, 'data')
  expect(machine.exec('ss -tnoH state established dport = :80')).toMatch(/timer:\(keepalive/)
  child.kill()
  await once(child, 'close')
})

test('connections learn the MTU of a path inside', () => {
  const program = `
    import { createLab } from '${process.cwd()}/packages/lab/dist/index.js'
    const lab = await createLab()
    const [client] = lab.hosts('client')
    const inner = await lab.router('inner', { inside: [client] })
    await lab.internet({ inside: [inner] })
    await inner.exec('ip', ['link', 'set', 'client', 'mtu', '1280'])
    for (const to of ['${SERVER_ADDRESS}', '[2001:db8:ffff::80]']) {
      const words = ['-s', '-o', '/dev/null', '-m', '20', '-w', '%{size_download}', 'http://' + to + '/bytes/300000']
      console.log((await client.exec('curl', words)).stdout)
    }
    await lab.close()`
  const words = [
    'ip',
    'netns',
    'exec',
    machine.name,
    process.execPath,
    '--input-type=module',
    '-e',
    program,
  ]
  expect(ended(words)).toEqual({ status: 0, stdout: '300000\n300000\n', stderr: '' })
})

test('DNS by TCP reaches the server of the machine', () => {
  const { stdout } = run(
    '--quiet',
    '--',
    'env',
    'RES_OPTIONS=use-vc',
    'getent',
    'ahostsv4',
    'example.test',
  )
  expect(stdout).toMatch(/^192\.0\.2\.80 +STREAM/)
})

describe('a refusal', () => {
  const connect = (to: string) =>
    `node -e "net.connect(80, '${to}').on('error', ({ code }) => console.log(code))"`
  const timed = 'curl -so /dev/null -w "%{exitcode} %{time_total}" http://192.0.2.80:9099'

  test('crosses the wire like the packet that is refused', () => {
    const { stdout } = run('--quiet', '--wire', 'delay 150ms', '--', 'sh', '-c', timed)
    const [code, seconds] = stdout.split(' ').map(Number)
    expect(code).toBe(7)
    expect(seconds).toBeGreaterThanOrEqual(0.3)
  })

  test('comes for every address of the machine itself', () => {
    machine.ip(
      'address add 198.18.66.1/32 dev lo',
      'address add 192.0.2.2/24 dev up0',
      'route add local 198.18.70.5 dev lo',
      '-6 address add 2001:db8:66::1/128 dev lo',
      '-6 route add local 2001:db8:70::/64 dev lo',
    )
    const addresses = [
      '198.18.66.1',
      '192.0.2.2',
      '198.18.70.5',
      '2001:db8:66::1',
      '2001:db8:70::5',
    ]
    const { stdout } = run('--quiet', '--', 'sh', '-c', addresses.map(connect).join('; '))
    expect(stdout).toBe('EHOSTUNREACH\nEHOSTUNREACH\nEHOSTUNREACH\nEACCES\nEACCES\n')
  })

  test('says that there is no route', () => {
    machine.ip('route add unreachable 198.18.77.0/24', '-6 route add unreachable 2001:db8:77::/48')
    const { stdout } = run(
      '--quiet',
      '--',
      'sh',
      '-c',
      `${connect('198.18.77.1')}; ${connect('2001:db8:77::1')}`,
    )
    expect(stdout).toBe('EHOSTUNREACH\nEHOSTUNREACH\n')
  })
})
