/** `vnet lab FILE`: a network that a file describes, and a command in it. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { recordsIn } from '#support/capture-records.ts'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { list } from '#support/list.ts'
import { asUser, ended, type Machine, onMachine, TREE } from '#support/ordinary-user.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'
import { isAlive } from '../../src/kernel/processes.ts'
import { LabRequests } from '../support/lab-requests.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

const NET = `
seed: 7
hosts: [client, server]
cables:
  link: { ends: [client, server], wire: { ab: delay 20ms } }
`

// Ordinary users write there, too.
const directory = freshDirectory(0o1777)
useTmpdir(directory)

/** Writes a lab file and returns its path. */
const file = (text: string, name = 'net.yaml') => written(directory, name, text)

/** Runs `vnet lab ARGS` to its end. */
const lab = (...args: readonly string[]) => ended([process.execPath, PROGRAM, 'lab', ...args])
const sh = (text: string) => ['--', 'sh', '-c', text]

/** Directories of labs of processes that have ended. */
const leftDirectories = () =>
  readdirSync(tmpdir()).filter(name => {
    const [, pid] = /^vnet-lab-\d+-(\d+)-/.exec(name) ?? []
    return pid !== undefined && !existsSync(`/proc/${pid}`)
  })

describe('the command', () => {
  test('runs in the first host, finds others by name, and sets the exit status of vnet', () => {
    const { status, stdout, stderr } = lab(
      file(NET),
      ...sh('ping -qc1 -W9 server | grep -c " 0% packet loss"; exit 7'),
    )
    expect({ status, stdout, stderr }).toEqual({ status: 7, stdout: '1\n', stderr: '' })
  })

  test('runs in the host of --host, and a signal that ends it is 128 plus its number', () => {
    const { status, stdout } = lab(
      '--host',
      'server',
      file(NET),
      ...sh('ls /sys/class/net; kill -9 $$'),
    )
    expect({ status, stdout }).toEqual({ status: 137, stdout: 'client\nlo\n' })
  })

  test('runs in the kernel, whatever VNET_WORLD is', () => {
    const words = [
      'env',
      'VNET_WORLD=memory',
      process.execPath,
      PROGRAM,
      'lab',
      file(NET),
      ...sh('ls /sys/class/net'),
    ]
    expect(ended(words)).toEqual({ status: 0, stdout: 'lo\nserver\n', stderr: '' })
  })

  test('is refused to root where /dev/net/tun is missing, in one line', () => {
    const words = onMachine({ mode: 'none' }, [
      process.execPath,
      PROGRAM,
      'lab',
      file(NET),
      '--',
      'true',
    ])
    const line = /^vnet: a lab cannot open \/dev\/net\/tun: .*the device is missing: .*\n$/
    expect(ended(words)).toEqual({ status: 1, stdout: '', stderr: expect.stringMatching(line) })
  })

  test('has the name of the lab and the addresses of all hosts in its environment', () => {
    const net = `${NET}  two: { ends: [server, client], addresses: [[192.0.2.1/24, 192.0.2.2/24], [192.0.2.3/24]] }`
    const { stdout } = lab(
      file(net, 'my-net.yaml'),
      ...sh('env | grep ^VNET_ | grep -v TEST | LC_ALL=C sort'),
    )
    expect(stdout.replace(/^(VNET_LAB=.*-)\d+$/m, '$1PID')).toBe(`VNET_IP4_CLIENT=198.18.1.1
VNET_IP4_CLIENT__SERVER2=192.0.2.3
VNET_IP4_CLIENT__SERVER=198.18.1.1
VNET_IP4_SERVER=198.18.1.2
VNET_IP4_SERVER__CLIENT2=192.0.2.1 192.0.2.2
VNET_IP4_SERVER__CLIENT=198.18.1.2
VNET_IP6_CLIENT=2001:db8:0:1::1
VNET_IP6_CLIENT__SERVER=2001:db8:0:1::1
VNET_IP6_SERVER=2001:db8:0:1::2
VNET_IP6_SERVER__CLIENT=2001:db8:0:1::2
VNET_LAB=my-net-PID
`)
  })

  test('reaches the hosts of its own lab by `vnet lab exec`, although another has the same name', async () => {
    const other = await spawnVnet(['lab', file(NET)])
    const net = NET.replace('wire:', 'addresses: [[192.0.2.1/24], [192.0.2.2/24]], wire:')
    const words = [
      '--',
      process.execPath,
      PROGRAM,
      ...list('lab exec server -- ip -br addr show client'),
    ]
    expect(lab(file(net), ...words)).toEqual({
      status: 0,
      stdout: expect.stringContaining('192.0.2.2/24'),
      stderr: '',
    })
    await other.stop()
  })

  test('gets the signals of vnet, and may end in its own way', async () => {
    const script = 'trap "echo caught; exit 3" TERM; echo started; while :; do sleep 0.05; done'
    const vnet = await spawnVnet(['lab', file(NET), ...sh(script)], { until: /^started$/ })
    expect(await vnet.stop('SIGTERM')).toEqual({
      status: 3,
      stdout: 'started\ncaught\n',
      stderr: '',
    })
  })

  test('alone gets Ctrl-C from a terminal, and programs of the lab serve it until it ends', async () => {
    const waiting = 'echo started; while :; do sleep 0.05; done'
    const net = `${NET}run: { server: { command: 'trap "echo hit; exit" INT; ${waiting}', ready: started } }`
    const script = `trap "exit 3" INT; ${waiting}`
    const options = { within: ['setsid'], until: /^started$/ }
    const vnet = await spawnVnet(['lab', file(net), ...sh(script)], options)
    process.kill(-vnet.pid, 'SIGINT')
    expect(await vnet.ended).toEqual({
      status: 3,
      stdout: 'started\n',
      stderr: 'server: started\n',
    })
  })

  test.each([
    [['--host', 'nobody', '--', 'true'], '--host nobody: the lab has client, server'],
    [['--host', 'client'], '--host: there is no command'],
    [
      ['--json', '--', 'true'],
      '--json: a command and requests would share the streams; --json takes no file',
    ],
  ])('is refused with %j', (args, text) => {
    const { status, stderr } = lab(file(NET), ...args)
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: expect.stringMatching(new RegExp(`^vnet: ${text}.*\\n$`)),
    })
  })
})

describe('without a command', () => {
  test('a lab prints its hosts and `ready`, runs until Ctrl-C, and leaves nothing', async () => {
    const vnet = await spawnVnet([
      'lab',
      file(`${NET}run: { server: { command: exec sleep 1000 } }`),
    ])
    const addresses = 'client 198.18.1.1 2001:db8:0:1::1\nserver 198.18.1.2 2001:db8:0:1::2\n'
    const children = readFileSync(`/proc/${vnet.pid}/task/${vnet.pid}/children`, 'latin1')
      .trim()
      .split(' ')
    expect(children).toHaveLength(1)
    expect(await vnet.stop('SIGINT')).toEqual({
      status: 0,
      stdout: `${addresses}ready\n`,
      stderr: '',
    })
    expect(isAlive(Number(children[0]))).toBe(false)
    expect(leftDirectories().filter(name => name.includes(`-${vnet.pid}-`))).toEqual([])
  })

  test('a lab without programs has status 0 after Ctrl-C, too', async () => {
    const vnet = await spawnVnet(['lab', file(NET)])
    expect(await vnet.stop('SIGINT')).toMatchObject({ status: 0, stderr: '' })
  })

  test('a lab that a signal ends before it is ready exits with 128 plus the number of the signal', async () => {
    const net = `${NET}run: { server: { command: echo up; exec sleep 1000, ready: never, restart: true } }`
    const vnet = await spawnVnet(['lab', file(net)], { until: /^server: up$/ })
    expect(await vnet.stop('SIGINT')).toMatchObject({ status: 130, stdout: '' })
    const withCommand = await spawnVnet(['lab', file(net), '--', 'echo', 'never'], {
      until: /^server: up$/,
    })
    expect(await withCommand.stop('SIGTERM')).toMatchObject({ status: 143, stdout: '' })
  })

  test('the next lab removes the leftovers of a killed lab', async () => {
    const net = `${NET}run: { server: { command: setsid sleep 1000 & echo $!; wait, ready: '' } }`
    const started = await spawnVnet(['lab', file(net.replace(", ready: ''", ''))], {
      until: /^server: \d+$/,
    })
    const pid = Number((await started.line(/^server: \d+$/)).slice(8))
    await started.stop('SIGKILL')
    expect(lab(file(NET), '--', 'true').status).toBe(0)
    expect(isAlive(pid)).toBe(false)
    expect(leftDirectories().filter(name => name.includes(`-${started.pid}-`))).toEqual([])
  })
})

describe('programs of a lab file', () => {
  test('are ready when they have printed their line, before the command starts', () => {
    const net = `${NET}
run:
  server:
    - { command: [sh, -c, 'sleep 0.2; echo "is up now"; exec sleep 1000'], ready: up, env: { X: '1' } }
    - { command: 'echo $X in $PWD of $VNET_LAB; exec sleep 1000', env: { X: y }, cwd: /usr, ready: in }
`
    const { status, stdout, stderr } = lab(file(net), ...sh('echo command >&2'))
    expect({ status, stdout }).toEqual({ status: 0, stdout: '' })
    const lines = stderr.split('\n').sort()
    const of = expect.stringMatching(/^server: y in \/usr of net-\d+$/)
    expect(lines).toEqual(['', 'command', 'server: is up now', of])
    expect(stderr).toMatch(/command\n$/)
  })

  test('are started again after their end if they are to be', async () => {
    const net = `${NET}run: { server: { command: echo hello, restart: true } }`
    const vnet = await spawnVnet(['lab', file(net)])
    await vnet.line(/^server: hello$/, 2)
    expect(await vnet.stop()).toMatchObject({
      status: 0,
      stderr: expect.stringContaining('started again\nserver: hello'),
    })
  })

  test('end the lab with status 1 if they end before they are ready', () => {
    const net = `${NET}run: { server: { command: exit 4, ready: up } }`
    expect(lab(file(net), '--', 'echo', 'never')).toEqual({
      status: 1,
      stdout: '',
      stderr: "vnet: server: exit 4: it has ended with status 4 before a line with 'up'\n",
    })
  })
})

test('faults are set before programs start, and one that has hit nothing is reported', () => {
  const net = `${NET}
faults:
  - { link: link, direction: ab, action: drop, filter: icmp, nth: 1 }
  - { link: link, direction: ba, action: { delay: 50ms }, filter: udp port 9 }
`
  const pings =
    'ping -4qc1 -W0.2 server >/dev/null || echo lost; ping -4qc1 -W30 server | grep -o " 0% packet loss"'
  const { status, stdout, stderr } = lab(file(net), ...sh(pings))
  expect({ status, stdout, stderr }).toEqual({
    status: 0,
    stdout: 'lost\n 0% packet loss\n',
    stderr: 'vnet: the fault delay (udp port 9) of link ba has hit no packet\n',
  })
})

test('the scenario changes links at its times, of cables, routers and segments', () => {
  const net = `
hosts: [client, server, other]
routers: { middle: { inside: [client, server] } }
lans: { wifi: { ports: [server, other] } }
scenario:
  repeat: 600ms
  steps:
    - { at: 0s, link: middle/client, wire-ab: 'match "icmp" ( loss 100% )' }
    - { at: 0s, link: wifi/other, carrier: off }
    - { at: 300ms, link: middle/client, wire: off }
`
  const ping = 'ping -4qc1 -W1 server >/dev/null; do :; done'
  const wait = `until ${ping}; while ${ping}; until ${ping}; echo healed`
  expect(lab(file(net), ...sh(wait))).toEqual({ status: 0, stdout: 'healed\n', stderr: '' })
  const carrier = 'until [ "$(cat /sys/class/net/lan/carrier)" = 0 ]; do sleep 0.05; done'
  expect(lab('--host', 'other', file(net), ...sh(carrier))).toMatchObject({ status: 0 })
})

test('the scenario makes a captive portal accept a host, and a host switch to another uplink', () => {
  const net = `
hosts: [client, server]
routers:
  portal: { inside: [client], outside: server, preset: captive-portal }
  lte: { inside: [client], outside: server }
scenario:
  - { at: 0s, accept: { router: portal, host: client }, switch: { host: client, uplink: portal } }
  - { at: 300ms, switch: { host: client, uplink: lte } }
`
  // The server has an address past each uplink: its name leads to either.
  // The reply to a ping before the switch may come after it, and is lost.
  const accepted = (by: string) =>
    `until ping -qc1 -W1 $VNET_IP4_SERVER__${by} | grep -o "1 received"; do :; done`
  const switched = 'until ip -br link show portal | grep -q DOWN; do sleep 0.05; done'
  const { status, stdout } = lab(
    file(net),
    ...sh(`${accepted('PORTAL')}; ${switched}; ${accepted('LTE')}`),
  )
  expect([status, stdout]).toEqual([0, '1 received\n1 received\n'])
})

test('captures of all links are kept, and their paths printed', () => {
  const { status, stderr } = lab(file(`capture: true\n${NET}`), '--', 'ping', '-qc1', 'server')
  const [, path = ''] = /^vnet: capture: (.*\/client-server\.pcapng)\n$/.exec(stderr) ?? []
  expect(status).toBe(0)
  expect(readFileSync(path).readUInt32BE(0)).toBe(0x0a0d0d0a)
  rmSync(join(path, '..'), { recursive: true })
})

describe('an ordinary user', () => {
  const asOrdinary = (args: readonly string[], machine?: Machine) =>
    ended([...asUser(machine), process.execPath, `${TREE}/dist/vnet.js`, 'lab', ...args])

  test('runs a lab without printing a line about it, and as root inside', () => {
    const before = `mkdir /run/lab; cat > /run/lab/net.yaml <<'END'\n${NET}\nEND`
    const { status, stdout, stderr } = asOrdinary(
      ['/run/lab/net.yaml', ...sh('ping -qc1 server >&2; id -u; exit 5')],
      {
        before,
      },
    )
    expect({ status, stdout, stderr }).toMatchObject({
      status: 5,
      stdout: '0\n',
      stderr: expect.stringContaining(' 0% '),
    })
  })

  test('reaches other hosts from a command by `vnet lab exec`', () => {
    const before = `mkdir /run/lab; cat > /run/lab/net.yaml <<'END'\n${NET}\nEND`
    const exec = [
      process.execPath,
      `${TREE}/dist/vnet.js`,
      ...list('lab exec server -- ls /sys/class/net'),
    ]
    expect(asOrdinary(['/run/lab/net.yaml', '--', ...exec], { before })).toEqual({
      status: 0,
      stdout: 'client\nlo\n',
      stderr: '',
    })
  })

  test('checks and draws a lab on a machine that cannot run one, and prints why it cannot run', () => {
    const machine: Machine = {
      mode: 'none',
      before: `mkdir /run/lab; cat > /run/lab/net.yaml <<'END'\n${NET}\nEND`,
    }
    expect(asOrdinary(['check', '/run/lab/net.yaml'], machine)).toMatchObject({
      status: 0,
      stderr: '',
    })
    expect(asOrdinary(['graph', '/run/lab/net.yaml'], machine)).toMatchObject({
      status: 0,
      stderr: '',
    })
    const { status, stderr } = asOrdinary(['/run/lab/net.yaml', '--', 'true'], machine)
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^vnet: \/dev\/net\/tun: the device is missing: .*\n$/),
    })
  })
})

describe('--json', () => {
  test('greets with hosts, addresses and links, and serves each method', async () => {
    const lab = new LabRequests(file(NET))
    const ask = (method: string, params?: object) => lab.ask(method, params)
    expect(await lab.next()).toEqual({
      event: 'ready',
      lab: 'net',
      hosts: {
        client: {
          netns: expect.stringMatching(new RegExp(`^/proc/${lab.child.pid}/fd/\\d+$`)),
          interfaces: [{ name: 'server', addresses: ['198.18.1.1/24', '2001:db8:0:1::1/64'] }],
        },
        server: {
          netns: expect.any(String),
          interfaces: [{ name: 'client', addresses: ['198.18.1.2/24', '2001:db8:0:1::2/64'] }],
        },
      },
      links: ['link'],
    })
    const exec = {
      host: 'client',
      command: 'cat; echo $VNET_LAB $X >&2; exit 3',
      input: 'in\u2028\n',
      env: { X: 'x' },
    }
    expect(await ask('exec', exec)).toEqual({
      status: 3,
      stdout: 'in\u2028\n',
      stderr: expect.stringMatching(/^net-\d+ x\n$/),
    })
    expect(
      await ask('run', { host: 'server', command: 'echo up; exec sleep 1000', ready: 'up' }),
    ).toEqual({})
    const ping = (seconds: number) => ({
      host: 'client',
      command: ['ping', '-4qc1', `-W${seconds}`, 'server'],
    })
    expect(
      await ask('fault', { link: 'link', direction: 'ab', action: 'drop', filter: 'icmp', nth: 1 }),
    ).toEqual({
      fault: 1,
    })
    const waiting = lab.send('hits', { fault: 1, wait: 1 })
    lab.send('exec', ping(1))
    expect(await lab.next()).toEqual({ id: waiting, result: { hits: 1 } })
    expect(await lab.next()).toMatchObject({ result: { status: 1 } })
    expect((await ask('exec', ping(30))).status).toBe(0)
    expect(await ask('wire', { link: 'link', wire: { ab: 'loss 100%' } })).toEqual({})
    const { ab, lateness } = await ask('stats', { link: 'link' })
    expect(ab.text).toMatch(/loss 100%$/)
    expect(lateness).toEqual({ ab: expect.any(Number), ba: 0 })
    expect(await ask('cut', { link: 'link' })).toEqual({})
    expect(
      await ask('exec', { host: 'client', command: 'cat /sys/class/net/server/carrier' }),
    ).toMatchObject({
      stdout: '0\n',
    })
    expect(await ask('plug', { link: 'link' })).toEqual({})
    expect(
      await ask('exec', { host: 'client', command: 'cat /sys/class/net/server/carrier' }),
    ).toMatchObject({
      stdout: '1\n',
    })
    lab.send('end')
    expect(await lab.exited).toEqual([0, null])
  })

  test('accepts a host at a captive portal', async () => {
    const net =
      'hosts: [guest, server]\nrouters: { hotel: { inside: [guest], outside: server, firewall: captive-portal } }'
    await using lab = new LabRequests(file(net))
    await lab.next()
    lab.send('accept', { router: 'hotel', host: 'guest' })
    expect(await lab.next()).toEqual({ id: expect.anything(), result: {} })
    lab.send('exec', { host: 'guest', command: 'ping -6qc1 -W9 server' })
    expect(await lab.next()).toMatchObject({ result: { status: 0 } })
    lab.send('accept', { router: 'hotel', host: 'server' })
    expect(await lab.next()).toMatchObject({
      error: 'accept: server has no address inside the router hotel',
    })
    lab.send('accept', { router: 'guest', host: 'guest' })
    expect(await lab.next()).toMatchObject({ error: 'accept: guest is not a router' })
  })

  test('records a link from the response on, and completes the file before it responds to stop', async () => {
    await using lab = new LabRequests(file(NET))
    await lab.next()
    const ping = { host: 'client', command: ['ping', '-4qc1', '-W30', 'server'] }
    const path = file('', 'own.pcapng')
    const { capture, file: given } = await lab.ask('capture', { link: 'link', file: path })
    expect([capture, given]).toEqual([1, path])
    await lab.ask('exec', ping)
    expect(await lab.ask('stop', { capture: 1 })).toEqual({})
    const names = () => Array.from(recordsIn(path), ({ interfaceName }) => interfaceName)
    const recorded = names()
    expect(new Set(recorded)).toEqual(new Set(['net:client/server', 'net:server/client']))
    await lab.ask('exec', ping)
    expect(names()).toEqual(recorded)
    expect(await lab.ask('stop', { capture: 2 })).toBe('there is no capture 2: there are 1')
  })

  test('a reset has the links, faults and counters of the file again, with the random decisions of a seed', async () => {
    const net = `
seed: 5
hosts: [client, server]
routers: { nat: { inside: [client], outside: server, nat: restricted, wire: { ab: 'match "icmp" ( loss 20% )' } } }
faults: [{ link: nat/client, direction: ba, action: drop, filter: udp }]
`
    await using lab = new LabRequests(file(net))
    await lab.next()
    const pings = async () => {
      // It sends on until 20 have been answered, so that the first 20 were answered or lost.
      const ping = ['ping', '-4', '-c20', '-i0.01', '-w30', 'server']
      const { stdout } = await lab.ask('exec', { host: 'client', command: ping })
      return [...stdout.matchAll(/icmp_seq=(\d+)/g)]
        .map(([, number]) => Number(number))
        .filter(number => number <= 20)
    }
    const first = await pings()
    const later = await pings()
    expect(first.length).toBeLessThan(20)
    expect(later).not.toEqual(first)
    await lab.ask('fault', { link: 'nat/server', direction: 'ab', action: 'drop' })
    await lab.ask('remove', { fault: 1 })
    await lab.ask('wire', { link: 'nat/client', wire: 'loss 100%' })
    await lab.ask('cut', { link: 'nat/server' })
    expect(Number((await lab.ask('counters', { host: 'client' })).IcmpOutEchos)).toBeGreaterThan(40)
    expect(await lab.ask('reset')).toEqual({})
    expect((await lab.ask('counters', { host: 'client' })).IcmpOutEchos).toBe(0)
    const { a, ab, ba } = await lab.ask('stats', { link: 'nat/client' })
    expect([a.drops, ab.former, ba.text]).toEqual([{}, [], expect.stringContaining('udp')])
    expect(await lab.ask('hits', { fault: 1 })).toEqual({ hits: 0 })
    expect(await lab.ask('hits', { fault: 2 })).toBe('there is no fault 2: there are 1')
    expect(await pings()).toEqual(first)
    await lab.ask('reset', { seed: 4 })
    expect(await pings()).not.toEqual(first)
  })

  test('cuts a link for a time, and changes a NAT', async () => {
    const net =
      'hosts: [client, server]\nrouters: { nat: { inside: [client], outside: server, nat: restricted } }'
    await using lab = new LabRequests(file(net))
    await lab.next()
    expect(await lab.ask('partition', { link: 'nat/client', ms: 1, direction: 'ab' })).toEqual({})
    expect(await lab.ask('offline', { link: 'nat/client', ms: 1 })).toEqual({})
    expect(await lab.ask('rebind', { router: 'nat' })).toEqual({})
    expect(await lab.ask('forward', { router: 'nat', from: 'tcp 8080', to: 'client:80' })).toEqual(
      {},
    )
    expect(await lab.ask('forward', { router: 'nat', from: 'tcp 8080', to: 'client:80' })).toMatch(
      /forwarded already/,
    )
    expect(await lab.ask('rebind', { router: 'client' })).toBe('rebind: client is not a router')
  })

  test('switches a host to another uplink', async () => {
    const net =
      'hosts: [phone, server]\nrouters: { wifi: { inside: [phone, server] }, lte: { inside: [phone] } }'
    await using lab = new LabRequests(file(net))
    await lab.next()
    lab.send('switch', { host: 'phone', uplink: 'lte' })
    expect(await lab.next()).toEqual({ id: expect.anything(), result: {} })
    lab.send('exec', { host: 'phone', command: 'ip -br addr show scope global' })
    const { result } = await lab.next()
    expect(result).toMatchObject({ stdout: expect.stringMatching(/^wifi +DOWN *\nlte +\S+ +198/m) })
    lab.send('switch', { host: 'phone', uplink: 'server' })
    expect(await lab.next()).toMatchObject({ error: expect.stringContaining('it has wifi, lte') })
  })

  test('serves requests at the same time, and its end leaves none of their programs', async () => {
    const lab = new LabRequests(file(NET))
    await lab.next()
    lab.send('exec', { host: 'server', command: 'exec sleep 1000' })
    lab.send('exec', { host: 'client', command: 'echo second' })
    expect(await lab.next()).toMatchObject({ id: 2, result: { stdout: 'second\n' } })
    const { child, exited } = lab
    const [pid] = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'latin1')
      .split(' ')
      .map(Number)
    lab.send('end')
    expect(await exited).toEqual([0, null])
    await expect.poll(() => isAlive(pid as number)).toBe(false)
  })

  test('finishes and replies to all requests at the end of standard input, and then ends', async () => {
    const lab = new LabRequests(file(NET))
    await lab.next()
    lab.send('exec', { host: 'client', command: 'sleep 0.3; echo late' })
    lab.send('exec', { host: 'server', command: ['ping', '-qc2', '-i0.2', 'client'] })
    lab.child.stdin?.end()
    const responses = [await lab.next(), await lab.next()]
    expect(responses.map(({ id, result }) => [id, result])).toEqual(
      expect.arrayContaining([
        [1, expect.objectContaining({ status: 0, stdout: 'late\n' })],
        [2, expect.objectContaining({ status: 0 })],
      ]),
    )
    expect(await lab.exited).toEqual([0, null])
  })

  test('refuses requests that it does not understand, and continues', async () => {
    const lab = new LabRequests(file(NET))
    await lab.next()
    lab.write('what')
    expect(await lab.next()).toEqual({ id: null, error: expect.stringContaining('JSON') })
    lab.write('{"id": "x", "method": "exec", "param": {}}')
    expect(await lab.next()).toEqual({
      id: 'x',
      error: 'param: a request has id, method and params',
    })
    lab.write('7')
    expect(await lab.next()).toMatchObject({
      error: expect.stringContaining('method: expected exec, run, wire, cut'),
    })
    for (const [method, params, error] of [
      ['__proto__', {}, 'method: expected exec'],
      ['exec', { host: 'x', command: 'true' }, 'the lab has no host x; it has client, server'],
      [
        'exec',
        { host: 'client', command: 'true', shell: true },
        'shell: unknown key (known: command, env, cwd, host, input)',
      ],
      ['exec', { host: 'client' }, 'command is missing'],
      [
        'exec',
        { host: 'client', command: ['not-there'] },
        'exec not-there: ENOENT, no such file or directory',
      ],
      [
        'wire',
        { link: 'link', wire: 'los 1%' },
        "'los' is not a word of a wire; did you mean 'loss'?",
      ],
      ['cut', { link: 'x' }, 'the lab has no link x; it has link'],
      ['hits', { fault: 1 }, 'there is no fault 1'],
    ] as const) {
      expect(await lab.ask(method, params)).toContain(error)
    }
    lab.child.kill()
    expect(await lab.exited).toEqual([0, null])
  })
})
