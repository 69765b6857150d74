/** `vnet run`: an ordinary user's command on the machine's network, past a wire. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { describe, expect, test } from 'vitest'
import { attempt } from '#src/base/errno.ts'
import { recordsIn } from '#support/capture-records.ts'
import { freshDirectory, written } from '#support/fresh-directory.ts'
import { ended } from '#support/ordinary-user.ts'
import { NOBODY } from '#support/privileges.ts'
import { isAlive } from '../../src/kernel/processes.ts'
import { MACHINE_ADDRESS, SERVER_ADDRESS, standInInternet } from '../support/internet.ts'

const { machine, server, vnet, run } = standInInternet()
const directory = freshDirectory(0o1777)

/** The machine without pasta. */
const NO_PASTA = { before: 'mount --bind /dev/null "$(which pasta)"' }
/** Prints a line when it listens. */
const SERVE = `exec python3 -c "
import http.server
server = http.server.ThreadingHTTPServer(('0.0.0.0', 8080), http.server.SimpleHTTPRequestHandler)
import os; os.chdir('/sys/class/net'); print('ready', flush=True); server.serve_forever()"`

/** Servers of the machine: of its loopback, and of an abstract socket. */
const LISTEN = `
  const http = require('node:http')
  const serve = text => http.createServer((_, response) => response.end(text + '\\n'))
  serve('of an abstract socket').listen('\\0vnet-of-machine')
  serve('of the loopback').listen(7070, '127.0.0.1', () => console.log('ready'))`

const sh = (text: string) => ['--', 'sh', '-c', text]
const REPORT = /^(vnet: .*\n)+$/
const fetched = 'curl -sS http://example.test/'

/** The report of a run, as JSON. */
function reported(...args: readonly string[]) {
  const file = join(directory, 'report.json')
  const { status, stdout, stderr } = run('--json', file, '--quiet', ...args)
  expect(stderr).toBe('')
  return { status, stdout, report: JSON.parse(readFileSync(file, 'utf8')) }
}

describe('the command', () => {
  test('has the ids, the directory, the input and the exit status of the user, and a report', () => {
    const { status, stdout, stderr } = run(...sh('id -u; id -g; pwd; exit 7'))
    expect({ status, stdout }).toEqual({ status: 7, stdout: `${NOBODY}\n${NOBODY}\n/run/tree\n` })
    expect(stderr).toMatch(REPORT)
  })

  test('ends with 128 and the number of the signal that ends it', () => {
    expect(run('--quiet', ...sh('kill -TERM $$'))).toEqual({ status: 143, stdout: '', stderr: '' })
  })

  test('that does not exist ends with status 127', () => {
    expect(run('--quiet', '--', 'no-such-program').status).toBe(127)
  })

  test('reaches a server by its name, with the address of the machine', () => {
    const { status, stdout } = run('--quiet', ...sh(fetched))
    expect({ status, stdout }).toEqual({ status: 0, stdout: `::ffff:${MACHINE_ADDRESS}\n` })
  })

  test('reaches the DNS server of the machine by its own address, too', () => {
    const text = `const { Resolver } = require('node:dns').promises
      const resolver = new Resolver({ tries: 1 })
      resolver.setServers(['${SERVER_ADDRESS}'])
      resolver.resolve4('example.test').then(console.log)`
    expect(run('--quiet', '--', process.execPath, '-e', text).stdout).toBe(
      `[ '${SERVER_ADDRESS}' ]\n`,
    )
  })

  test('reaches it by IPv6, and by ping', () => {
    const { stdout } = run(
      '--quiet',
      ...sh('curl -sS "http://[2001:db8:ffff::80]/"; ping -qc1 192.0.2.80 | grep -c " 0%"'),
    )
    expect(stdout).toBe('2001:db8:ffff::1\n1\n')
  })

  test('has no Internet with --no-internet, also without pasta', () => {
    const words = [
      ...vnet('run', NO_PASTA),
      '--quiet',
      '--no-internet',
      ...sh('ip -4 route; ip -br link | wc -l'),
    ]
    expect(ended(words)).toEqual({
      status: 0,
      stdout: expect.stringMatching(/^198\.18\.1\.0\/24 .*\n224\.0\.0\.0\/4 .*\n2\n$/),
      stderr: '',
    })
  })
})

test('the command reaches the network in the kernel, whatever VNET_WORLD is', () => {
  const words = [...vnet('run', { before: 'export VNET_WORLD=memory' }), '--quiet', ...sh(fetched)]
  expect(ended(words)).toEqual({ status: 0, stdout: `::ffff:${MACHINE_ADDRESS}\n`, stderr: '' })
})

describe('is refused', () => {
  test('without pasta, with the name of its package', () => {
    const line =
      'vnet: the way to the Internet is pasta, which is not installed: sudo apt-get install passt\n'
    expect(ended([...vnet('run', NO_PASTA), '--', 'true'])).toEqual({
      status: 1,
      stdout: '',
      stderr: line,
    })
  })

  test('on a machine without a network', () => {
    machine.ip('link delete up0')
    const { status, stderr } = run('--', 'true')
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/^vnet: no way to the Internet: .+\n$/),
    })
  })

  test('inside another run', () => {
    const inner = `${process.execPath} dist/vnet.js run -- true`
    const line = 'vnet: vnet run cannot run inside vnet run\n'
    expect(run('--quiet', ...sh(inner))).toEqual({ status: 1, stdout: '', stderr: line })
  })

  test('with --publish of a port that the user may not open', () => {
    const line = 'vnet: --publish 80: the port needs root, or is in use\n'
    expect(run('--publish', '80', '--', 'true')).toEqual({ status: 1, stdout: '', stderr: line })
  })

  test.each([
    [['--wire', 'delay 5'], /^vnet: .*no unit.*\nvnet: {3}delay 5\n/],
    [['--after', '1s'], /^vnet: --after: --wire is missing\n$/],
    [['--nth', '3'], /^vnet: --nth: it is for the packets of --drop FILTER\n$/],
    [
      ['--drop', 'icmp', '--nth', '3', '--first', '1'],
      /^vnet: --first: give one of --nth, --first and --every\n$/,
    ],
    [['--drop', 'tcp porrt 3'], /^vnet: .*porrt/],
    [
      ['--no-internet', '--publish', '80'],
      /^vnet: --publish: with --no-internet no port leads to the command\n$/,
    ],
    [
      ['--no-internet', '--localhost', '80'],
      /^vnet: --localhost: with --no-internet no port leads to the machine\n$/,
    ],
    [
      ['--publish', '8080', '--publish', '8080'],
      /^vnet: --publish 8080: the port is given twice\n$/,
    ],
    [['--bogus'], /^vnet: .*--bogus/],
    [['--wire', 'loss 1%', '--wire-in', 'loss 2%'], /^vnet: .*--wire/],
    [
      ['--wire-in', 'offline'],
      /^vnet: 'offline' is not a word of a wire: vnet cut .*\nvnet: {3}offline\nvnet: {3}\^+\n$/,
    ],
    [
      ['--wire', 'preset slow3g'],
      /^vnet: .* did you mean 'slow-3g'\?\nvnet: {3}preset slow3g\nvnet: +\^+\n$/,
    ],
  ])('with %j, and status 2', (args, line) => {
    const { status, stdout, stderr } = run(...args, '--', 'echo', 'started')
    expect({ status, stdout, stderr }).toEqual({
      status: 2,
      stdout: '',
      stderr: expect.stringMatching(line),
    })
  })
})

test.each([
  ['--capture', 'nodir/x'],
  ['--json', 'nodir/x'],
  ['--scenario', 'nofile'],
])('the file of %s %s is refused in one line with status 1', (option, file) => {
  const { status, stdout, stderr } = run(option, file, '--no-internet', '--', 'true')
  const line = expect.stringMatching(/^vnet: no(file|dir\/x): no such file or directory.*\n$/)
  expect({ status, stdout, stderr }).toEqual({ status: 1, stdout: '', stderr: line })
})

test('a full disk for --json is one line', () => {
  const { status, stderr } = run('--quiet', '--json', '/dev/full', '--no-internet', '--', 'true')
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: 'vnet: /dev/full: no space left on device\n',
  })
})

describe('the report', () => {
  test('counts packets, also of GSO frames, so that the lost ones are a share of them', () => {
    const tenth = ['--drop', 'tcp src port 80', '--every', '10']
    const get = 'curl -sS -o /dev/null http://192.0.2.80/bytes/1000000'
    const { report } = reported('--mtu', '1500', ...tenth, ...sh(get))
    const { packets, bytes, lost } = report.in
    expect(packets).toBeGreaterThan(600)
    expect(Math.abs(packets / lost[0].packets - 10)).toBeLessThan(1)
    expect(bytes).toBeGreaterThan(1_000_000 + packets * 40)
    expect(report.seconds * 1000).toBeCloseTo(Math.round(report.seconds * 1000), 6)
  })

  test('counts segments that the router sends again, past a lossy wire', () => {
    const file = join(directory, 'both.json')
    const get = 'curl -sS -o /dev/null http://192.0.2.80/bytes/200000'
    const lossy = ['--mtu', '1500', '--drop', 'tcp src port 80', '--every', '10']
    const { stderr } = run('--json', file, ...lossy, ...sh(get))
    const { retransmissions, routerRetransmissions } = JSON.parse(readFileSync(file, 'utf8'))
    expect(routerRetransmissions).toBeGreaterThan(5)
    const again = `TCP segments sent again: ${retransmissions} by the command, ${routerRetransmissions} by the router`
    expect(stderr).toContain(`seed 1; ${again}\n`)
  })

  test('has the packets that a wire duplicates, corrupts and reorders, also after it was replaced', () => {
    const file = join(directory, 'hits.json')
    const wire = 'delay 1ms reorder 50% duplicate 100% corrupt 100%'
    const steps = written(directory, 'hits.yaml', '- { at: 1s, wire: "" }')
    const script = `ping -qc4 -i0.1 -W0.1 ${SERVER_ADDRESS} >/dev/null; until ping -qc1 -W0.2 ${SERVER_ADDRESS} >/dev/null; do :; done`
    const { stderr } = run('--json', file, '--wire', wire, '--scenario', steps, ...sh(script))
    const { out } = JSON.parse(readFileSync(file, 'utf8'))
    for (const key of ['duplicated', 'corrupted', 'reordered']) {
      const [{ packets, by }] = out[key]
      expect(packets).toBeGreaterThan(0)
      expect(wire).toContain(by)
      expect(stderr).toMatch(new RegExp(`\\nvnet: out: .*; ${key}: ${packets} by ${by}[;\\n]`))
    }
    expect(out.marked).toEqual([])
  })

  test('has the packets that the kernel drops at a cut cable', () => {
    const { report } = reported('--wire', 'offline', ...sh(`ping -qc2 -i0.2 -W1 ${SERVER_ADDRESS}`))
    const [first, ...others] = report.out.lost
    expect(first).toEqual({ packets: expect.any(Number), by: 'tx_dropped' })
    // One that the kernel sent by itself may be in the TAP when the cable is cut.
    expect(others.filter(({ by }: { by: string }) => by !== 'TX_CARRIER')).toEqual([])
  })

  test('names a fault that hits no packet, after a warning about a filter without IPv6', () => {
    const { stderr } = run(
      '--no-internet',
      '--drop',
      'tcp[tcpflags] == 5',
      '--nth',
      '1',
      '--',
      'true',
    )
    expect(stderr.split('\n')[0]).toMatch(
      /^vnet: --drop: tcp\[\.\.\.\] in a filter never matches IPv6/,
    )
    expect(stderr).toMatch(/\nvnet: drop 'tcp\[tcpflags\] == 5' nth 1 hit no packet\n$/)
  })
})

describe('the wire', () => {
  test('delays packets in both directions', () => {
    const { stdout } = run(
      '--quiet',
      '--wire',
      'delay 50ms',
      ...sh(`ping -qc2 ${SERVER_ADDRESS} | tail -1`),
    )
    const [, least] = /= ([\d.]+)\//.exec(stdout) ?? []
    expect(Number(least)).toBeGreaterThan(100)
  })

  test('delays only packets that leave with --wire-out', () => {
    const file = join(directory, 'out.pcapng')
    run(
      '--quiet',
      '--wire-out',
      'loss 100%',
      '--capture',
      file,
      ...sh(`ping -qc1 -W0.1 ${SERVER_ADDRESS}`),
    )
    const { report, status } = reported(
      '--wire-out',
      'loss 100%',
      ...sh(`ping -qc1 -W0.1 ${SERVER_ADDRESS}`),
    )
    expect(status).toBe(1)
    expect(report.out.lost).toEqual([{ packets: report.out.packets, by: 'loss 100%' }])
    expect(report.in.lost).toEqual([])
    expect([...recordsIn(file)].length).toBeGreaterThan(0)
  })

  test('loses the first DNS answer with --drop', () => {
    const { status, report } = reported(
      '--drop',
      'udp src port 53',
      '--first',
      '1',
      ...sh(`${fetched} >/dev/null`),
    )
    expect(status).toBe(0)
    expect(report.in.lost).toEqual([{ packets: 1, by: expect.stringContaining('udp src port 53') }])
  })

  test('delays packets of --drop with --delay', () => {
    const filter = ['--drop', 'icmp', '--delay', '300ms', '--nth', '1']
    const { stdout } = run('--quiet', ...filter, ...sh(`ping -qc1 ${SERVER_ADDRESS} | tail -1`))
    expect(Number(/= ([\d.]+)\//.exec(stdout)?.[1])).toBeGreaterThan(600)
  })

  test('counts segments that are sent again', () => {
    const { report } = reported(
      '--drop',
      'tcp[tcpflags] == tcp-syn',
      '--nth',
      '1',
      ...sh(`${fetched} >/dev/null`),
    )
    expect(report.retransmissions).toBe(1)
  })

  test('drops the request with --data, not the handshake before it', () => {
    const { report } = reported(
      '--drop',
      'tcp dst port 80',
      '--nth',
      '1',
      '--data',
      ...sh(`${fetched} >/dev/null`),
    )
    expect(report.retransmissions).toBe(1)
    expect(report.out.lost).toEqual([{ packets: 1, by: "drop 'tcp dst port 80' nth 1 data" }])
  })

  test('loses the packets of a full queue once, in its direction', () => {
    const pings = `ping -q -c20 -i0.002 -W1 ${SERVER_ADDRESS}`
    const { report } = reported('--wire-out', 'delay 200ms limit 5', ...sh(pings))
    expect(report.out.lost).toEqual([{ packets: expect.any(Number), by: 'delay 200ms limit 5' }])
    expect(report.in.lost).toEqual([])
  })

  test('counts DNS queries that are sent again', () => {
    const { report } = reported(
      '--drop',
      'udp src port 53',
      '--first',
      '1',
      ...sh(`${fetched} >/dev/null`),
    )
    expect(report.repeatedQueries).toBeGreaterThan(0)
  })

  test('of a running command is changed by the name run:PID', async () => {
    const script =
      'read line; while ! ping -qc1 192.0.2.80 | grep -q "= 2.."; do :; done; echo slow'
    const [program, ...args] = [...vnet('run'), '--quiet', ...sh(`echo; ${script}`)] as [
      string,
      ...string[],
    ]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    // The name appears some time after the start.
    await expect
      .poll(() => ended([...vnet('wire'), `run:${child.pid}`, 'delay 100ms']).status)
      .toBe(0)
    child.stdin.end('\n')
    expect(String((await once(child.stdout, 'data'))[0])).toBe('slow\n')
    await once(child, 'close')
  })

  test('changes by a scenario, which starts with the wire of --wire', () => {
    const file = written(directory, 'scenario.yaml', '- { at: 1s, wire: loss 100% }')
    const script = `ping -qc1 ${SERVER_ADDRESS} | tail -1; while ping -qc1 -W0.2 ${SERVER_ADDRESS} >/dev/null; do :; done`
    const { stdout } = run('--quiet', '--wire', 'delay 50ms', '--scenario', file, ...sh(script))
    expect(Number(/= ([\d.]+)\//.exec(stdout)?.[1])).toBeGreaterThan(100)
  })

  test('is set later with --after, and offline cuts the cable', () => {
    const script = `ping -qc1 -W9 ${SERVER_ADDRESS} >/dev/null && echo reached
      while [ "$(cat /sys/class/net/internet/carrier)" = 1 ]; do sleep 0.05; done; echo cut`
    expect(run('--quiet', '--wire', 'offline', '--after', '500ms', ...sh(script)).stdout).toBe(
      'reached\ncut\n',
    )
  })
})

describe('a hostile command', () => {
  test('reaches no server, socket or interface of the machine that it did not reach before', async () => {
    const listening = machine.spawn([process.execPath, '-e', LISTEN])
    await once(listening.stdout, 'data')
    const script = `
      curl -sS --connect-timeout 2 http://127.0.0.1:7070/ 2>&1; curl -sS http://${SERVER_ADDRESS}/
      curl -sS --abstract-unix-socket vnet-of-machine http://localhost/ 2>&1
      ip link set internet down; ip link delete internet; ip netns add x
      ls -A "$XDG_RUNTIME_DIR/vnet"; nsenter --net=/proc/1/ns/net true; nsenter --preserve-credentials -U -t 1 true
      cat /proc/sys/kernel/ns_last_pid >/dev/null; kill -9 1; ls /proc/1/root/ >/dev/null; echo end`
    const { stdout, stderr } = run('--quiet', ...sh(script))
    expect(stdout.trimEnd().split('\n')).toEqual([
      expect.stringContaining('curl: (7)'),
      `::ffff:${MACHINE_ADDRESS}`,
      expect.stringContaining('curl: (7)'),
      'end',
    ])
    const refused = expect.stringMatching(/Operation not permitted|Permission denied/)
    expect(stderr.trimEnd().split('\n')).toEqual(Array(6).fill(refused))
  })
})

describe('--repeat', () => {
  test('names the seeds of the runs that failed', () => {
    const text = `n=$(cat ${directory}/runs 2>/dev/null | wc -l); echo >> ${directory}/runs; [ $n != 1 ]`
    const { status, stderr } = run('--quiet', '--repeat', '3', '--seed', '5', ...sh(text))
    expect({ status, stderr }).toEqual({ status: 1, stderr: 'vnet: 1 of 3 runs failed: seeds 6\n' })
  })

  test('ends by one signal, like its command', async () => {
    const [program = '', ...args] = [
      ...vnet('run'),
      '--quiet',
      '--repeat',
      '3',
      ...sh('echo; exec sleep 1008'),
    ]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    await once(child.stdout, 'data')
    child.kill()
    const [[, signal], stderr] = await Promise.all([once(child, 'close'), text(child.stderr)])
    expect({ signal, stderr }).toEqual({
      signal: 'SIGTERM',
      stderr: 'vnet: interrupted after 1 of 3 runs\n',
    })
  })
})

test('--localhost leads a port of 127.0.0.1 past the wire to the loopback of the machine, and no other', async () => {
  const serve = (port: number, address: string) =>
    `require('node:http').createServer((_, r) => r.end('on ${address}')).listen(${port}, '${address}', () => console.log('ready'))`
  for (const text of [serve(3000, '127.0.0.1'), serve(3001, '::1'), serve(3002, '127.0.0.1')]) {
    await once(machine.spawn([process.execPath, '-e', text]).stdout, 'data')
  }
  const options = ['--quiet', '--wire', 'delay 60ms', '--localhost', '3000', '--localhost', '3001']
  const get = (port: number) =>
    `curl -s -w ';%{exitcode};%{time_total}\\n' http://localhost:${port}`
  const { stdout } = run(...options, ...sh([3000, 3001, 3002].map(get).join('; ')))
  const [first, second, third] = stdout.split('\n').map(line => line.split(';'))
  expect(first?.slice(0, 2)).toEqual(['on 127.0.0.1', '0'])
  expect(second?.slice(0, 2)).toEqual(['on ::1', '0'])
  expect(third?.slice(0, 2)).toEqual(['', '7'])
  expect(Number(first?.[2])).toBeGreaterThanOrEqual(0.24)
})

describe('--publish', () => {
  test('leads a port of the machine to a server of the command', async () => {
    const [program, ...args] = [...vnet('run'), '--quiet', '--publish', '8080', ...sh(SERVE)] as [
      string,
      ...string[],
    ]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    for (const [from, address] of [
      [server, MACHINE_ADDRESS],
      [machine, '127.0.0.1'],
    ] as const) {
      const { stdout } = await from.run(`curl -sS http://${address}:8080/`)
      expect(stdout).toContain('"internet/"')
    }
    child.kill()
    await once(child, 'close')
  })
})

describe('--publish of a port that is in use is refused:', () => {
  test.each(['127.0.0.1', '::1', '0.0.0.0', '::', MACHINE_ADDRESS])('on %s', async address => {
    const listen = `require('node:net').createServer().listen({ port: 8080, host: '${address}', ipv6Only: true }, () => console.log('ready'))`
    await once(machine.spawn([process.execPath, '-e', listen]).stdout, 'data')
    const line = 'vnet: --publish 8080: the port is in use\n'
    expect(run('--publish', '8081', '--publish', '8080', '--', 'true')).toEqual({
      status: 1,
      stdout: '',
      stderr: line,
    })
    const body = `import { createLab } from '${process.cwd()}/packages/lab/dist/index.js'
      const lab = await createLab()
      const [server] = lab.hosts('server')
      await lab.internet({ inside: [server], forward: { 'tcp 8080': 'server:80' } }).catch(error => console.log(error.message))
      await lab.close()`
    const words = [
      'ip',
      'netns',
      'exec',
      machine.name,
      process.execPath,
      '--input-type=module',
      '-e',
      body,
    ]
    expect(ended(words).stdout).toBe('forward of port 8080: the port is in use\n')
  })

  test('by another run', async () => {
    const [program, ...args] = [
      ...vnet('run'),
      '--quiet',
      '--publish',
      '8080',
      ...sh('echo; cat'),
    ] as [string, ...string[]]
    const child = spawn(program, args, { stdio: ['pipe', 'pipe', 'inherit'] })
    await once(child.stdout, 'data')
    expect(run('--publish', '8080', '--', 'true').stderr).toBe(
      'vnet: --publish 8080: the port is in use\n',
    )
    child.stdin.end()
    await once(child, 'close')
  })
})

/** The descendants of a process, each with its command line. */
function descendants(pid: number): { pid: number; words: string }[] {
  const of = (file: string) => attempt(() => readFileSync(`/proc/${pid}/${file}`, 'latin1')) ?? ''
  const threads = attempt(() => readdirSync(`/proc/${pid}/task`)) ?? []
  const children = threads.flatMap(thread =>
    of(`task/${thread}/children`).split(' ').filter(Boolean).map(Number),
  )
  return [{ pid, words: of('cmdline').replaceAll('\0', ' ') }, ...children.flatMap(descendants)]
}

describe('the end by SIGKILL', () => {
  test.each([
    ['vnet', / run --quiet /],
    ['the command', /^sh -c /],
    ['pasta', /--config-net/],
    ['the process that started pasta', /--way-out/],
    ['the first process of the command', /--alone/],
  ])('of %s leaves no process', async (part, words) => {
    const script =
      'setsid sleep 2718 & while ! grep -q sleep /proc/$!/comm; do :; done; echo; sleep 2719; true'
    const [program, ...args] = [...vnet('run'), '--quiet', ...sh(script)] as [string, ...string[]]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    await once(child.stdout, 'data')
    const all = descendants(child.pid as number)
    const found = all.find(each => words.test(each.words))
    const closed = once(child, 'close')
    process.kill(found?.pid as number, 'SIGKILL')
    if (part.includes('pasta')) {
      child.kill()
    }
    await expect.poll(() => all.filter(({ pid }) => isAlive(pid))).toEqual([])
    await closed
    expect(all.length).toBeGreaterThan(6)
  })
})
