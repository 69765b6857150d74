/** `vnet explore`: a command in the lab of a file, or a scenario in JavaScript. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, test, vi } from 'vitest'
import { main } from '#src/cli/main.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { asUser, ended, TREE } from '#support/ordinary-user.ts'
import { runMain, startMain } from '#support/run-main.ts'
import { PROGRAM } from '#support/vnet-process.ts'

const NET = `
hosts: [client, server]
cables:
  link: { ends: [client, server] }
run:
  server: { command: 'sh -c "echo up; exec sleep 1000"', ready: up }
`
/** Notes each run, and sends one datagram. */
const SCENARIO = `
import { appendFileSync } from 'node:fs'
export default async ({ lab }) => {
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  const sender = await client.createSocket('udp4')
  sender.send('x', 5000, 'server')
  appendFileSync(new URL('runs', import.meta.url), 'x')
  await new Promise(resolve => setTimeout(resolve, 20))
}
`
const REQUEST = 'client-server ab icmp client > server packet 1'

const directory = fileDirectory()
beforeAll(() => {
  writeFileSync(join(directory, 'net.yaml'), NET)
  writeFileSync(join(directory, 'recorded.yaml'), NET.replace('ends:', 'capture: true, ends:'))
  writeFileSync(join(directory, 'scenario.mjs'), SCENARIO)
  writeFileSync(join(directory, 'empty.mjs'), '')
  writeFileSync(join(directory, 'broken.mjs'), 'export default (')
})
const path = (name: string) => join(directory, name)

/** The arguments for one request, repeated up to `count` times. */
const ping = (count: number) => ['--', 'ping', '-4', '-qi0.2', '-W3', '-c', String(count), 'server']
/** Faults of the requests only, because each run takes a third of a second of a processor. */
const REQUESTS = ['--faults', 'drop', '--filter', 'icmp[0] = 8']

test('a command fails by its status, and the report has the command that repeats it', async () => {
  const net = path('net.yaml')
  const same = ['--rto-min', '20ms', '--seed', '7']
  const { status, stdout, stderr } = await runMain(
    ...['explore', net, ...REQUESTS, '--captures', path('captures'), ...same, ...ping(1)],
  )
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout).toMatch(
    /^3 clean runs passed in [\d.]+ to [\d.]+ ms; TCP's least timeout is (20 ms|the kernel's: it cannot be set)/,
  )
  expect(stdout).toContain(`FAILED in 4 of 4 runs: drop ${REQUEST}`)
  expect(stdout).toContain('the command ended with 1')
  expect(stdout).toContain('  printed by the run:\n  server: up\n  PING ')
  expect(stdout).toContain(`  captured in ${path('captures')}/vnet-explore-`)
  expect(stdout).toContain('1 points: 1 failed;')
  const [, limit = ''] = / --timeout (\d+ms) /.exec(stdout) ?? []
  const options = [`--repeat 'drop ${REQUEST}'`, '--timeout', limit, ...same, ...ping(1)]
  expect(stdout).toContain(`\n  vnet explore ${net} ${options.join(' ')}\n`)
})

test('a program that ends before it is ready shows its last lines, once and without a stack', async () => {
  const net = path('broken.yaml')
  writeFileSync(net, NET.replace('echo up; exec sleep 1000', 'echo oops no space >&2; exit 1'))
  const { status, stdout } = await runMain('explore', net, '--', 'true')
  expect(status).toBe(1)
  expect(stdout).toMatch(/^3 of the 3 runs without faults failed; nothing else was tried:\n/)
  expect(stdout.replace(/sh -c "[^"]*"/, 'COMMAND').match(/oops no space/g)).toHaveLength(1)
  expect(stdout.match(/has ended with status 1/g)).toHaveLength(1)
  expect(stdout).not.toMatch(/\n *at /)
})

test('a command that fails without faults shows what it has printed, and what its shell did not find', async () => {
  const { stdout } = await runMain(
    'explore',
    path('net.yaml'),
    '--',
    'sh',
    '-c',
    'echo before; no-such-program',
  )
  expect(stdout).toContain(
    '\nthe command ended with 127, as of a program that is not found\nprinted by the run:\n',
  )
  expect(stdout.split('\n')).toEqual(
    expect.arrayContaining(['before', expect.stringMatching(/no-such-program: .*not found$/)]),
  )
})

test('a command is repeated with faults, within a time', async () => {
  const repeat = (fault: string, ...more: string[]) =>
    runMain('explore', path('net.yaml'), '--repeat', `${fault} ${REQUEST}`, ...more)
  expect(await repeat('drop', ...ping(1))).toEqual({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(
      /^vnet: the command ended with 1\nat \d+\.\d ms \S+ ab IP .*\nprinted by the run:\nserver: up\nPING /,
    ),
  })
  expect(await repeat('delay 2ms', ...ping(1))).toEqual({
    status: 0,
    stdout: 'passed\n',
    stderr: '',
  })
  const late = await repeat(
    'drop',
    '--timeout',
    '2s',
    '--',
    'sh',
    '-c',
    'ping -4 -qc1 -W1 server || sleep 1000',
  )
  expect([late.status, late.stderr]).toEqual([
    1,
    expect.stringContaining('timed out after 2000 ms'),
  ])
})

test('faults of links and hosts break a command, or it ends with an error in time, and the report names each', async () => {
  const faults = ['restart 50ms on server', 'pause 50ms on server', 'silence 10s']
  const given = ['--faults', faults.slice(0, 2).join(), '--faults', 'silence 10s']
  const options = [
    ...given,
    '--filter',
    'icmp[0] = 8',
    '--json',
    '--no-captures',
    '--timeout',
    '10s',
  ]
  const { status, stdout, stderr } = await runMain(
    'explore',
    path('net.yaml'),
    ...options,
    ...ping(1),
  )
  expect([status, stderr]).toEqual([1, ''])
  const { faults: columns, points, failures } = JSON.parse(stdout)
  expect(columns).toEqual(faults)
  const verdictOf = (fault: number) =>
    points.find((each: { fault: number }) => each.fault === fault)?.verdict
  // The links of a restarted host are dead; a stopped host still has its kernel, which replies.
  expect([0, 1, 2].map(verdictOf)).toEqual(['failed', 'passed', 'error'])
  const names = failures.map(({ faults }: { faults: string[] }) => faults.join())
  expect(names).toEqual([`restart 50ms on server ${REQUEST}`])
  for (const {
    faults: [fault],
    test,
  } of failures) {
    expect(test).toContain(`--repeat '${fault}'`)
  }
})

test('--hit asks each host at the fault, and the printed command asks again', async () => {
  const only = [
    '--faults',
    'silence 10s',
    '--filter',
    'icmp[0] = 8',
    '--no-captures',
    '--strict',
    '--timeout',
    '10s',
  ]
  const hit = ['--hit', 'test $VNET_HOST = server && echo $VNET_HOST']
  const { status, stdout, stderr } = await runMain(
    'explore',
    path('net.yaml'),
    ...only,
    ...hit,
    ...ping(1),
  )
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout).toContain(`FAILED in 4 of 4 runs: silence 10s ${REQUEST}`)
  expect(stdout).toContain(
    `vnet explore --hit 'test $VNET_HOST = server && echo $VNET_HOST' ${path('net.yaml')} --repeat`,
  )
  const refused = async (line: string, file = 'net.yaml', ...command: string[]) => {
    const end = await runMain(
      'explore',
      path(file),
      '--repeat',
      `silence 10s ${REQUEST}`,
      '--hit',
      line,
      ...command,
    )
    expect(end.status).toBe(2)
    return end.stderr
  }
  expect(await refused('echo elsewhere', 'net.yaml', ...ping(1))).toBe(
    'vnet: silence: hit: elsewhere is not a host of the lab, which are client, server\n',
  )
  expect(await refused('echo "no leader" >&2', 'net.yaml', ...ping(1))).toBe(
    'vnet: silence: hit: the command has printed no name; client: no leader; server: no leader\n',
  )
  expect(await refused('echo server', 'scenario.mjs')).toContain('--hit: export `hit` from')
})

test('a command that prints something else than without faults fails with --compare', async () => {
  const compared = (line: string, ...more: string[]) =>
    runMain('explore', path('net.yaml'), ...more, '--', 'sh', '-c', line)
  const line = 'ping -4 -qc1 -W1 server >/dev/null && echo yes || echo no; date +%N'
  expect((await compared(line, ...REQUESTS, '--no-captures')).status).toBe(0)
  const { status, stdout } = await compared(line, ...REQUESTS, '--no-captures', '--compare')
  expect(status).toBe(1)
  expect(stdout).toContain("line 1 is 'no' instead of 'yes'")
  const [, again = ''] =
    /^ {2}vnet explore .* --repeat '(.*)' .*--compare.* -- /m.exec(stdout) ?? []
  expect(again).toBe(`drop ${REQUEST}`)
  const repeated = await compared(line, '--compare', '--repeat', again)
  expect([repeated.status, repeated.stderr]).toEqual([
    1,
    expect.stringContaining("is 'no' instead"),
  ])
})

test('a command has an error in time if its connection ends, and fails with --strict or by a signal', async () => {
  const net = path('tcp.yaml')
  const serve =
    "import socket; s = socket.create_server(('', 5000)); print('up', flush=True)\nwhile True: c, _ = s.accept(); c.sendall(c.recv(9))"
  writeFileSync(path('serve.py'), serve)
  writeFileSync(net, NET.replace('sh -c "echo up; exec sleep 1000"', `python3 ${path('serve.py')}`))
  const ask = (end: string) => [
    '--',
    'python3',
    '-c',
    `import os, socket; c = socket.create_connection(('server', 5000)); c.sendall(b'x')\ntry: c.recv(9)\nexcept OSError: ${end}`,
  ]
  const one = ['--filter', 'tcp dst port 5000 and tcp[13] & 8 != 0', '--no-captures']
  const faults = [...one, '--faults', 'reset']
  const told = await runMain('explore', net, ...faults, ...ask('os._exit(3)'))
  expect([told.status, told.stderr]).toEqual([0, ''])
  expect(told.stdout).toContain('\n  1 point: the command ended with 3\n')
  const strict = await runMain('explore', net, ...faults, '--strict', ...ask('os._exit(3)'))
  expect([strict.status, strict.stdout]).toEqual([1, expect.stringContaining('FAILED in 4 of 4')])
  const killed = await runMain('explore', net, ...faults, ...ask('os.abort()'))
  expect([killed.status, killed.stdout]).toEqual([1, expect.stringContaining('ended by SIGABRT')])
  // A shell that outlives the program has 128 more than the signal's number.
  const [, ...words] = ask('os.abort()')
  const shell = ['--', 'sh', '-c', '"$@"; exit $?', 'sh', ...words]
  const below = await runMain('explore', net, ...faults, ...shell)
  expect([below.status, below.stdout]).toEqual([
    1,
    expect.stringContaining('ended with 134, as of a program that SIGABRT has ended'),
  ])
  // The client tries IPv6 first.
  const [, fault = ''] = /^FAILED in 4 of 4 runs: (.*)$/m.exec(strict.stdout) ?? []
  const repeat = ['--repeat', fault]
  const open = await runMain('explore', net, ...repeat, '--no-strict', ...ask('os._exit(3)'))
  expect(open).toEqual({
    status: 0,
    stdout: 'error in time: the command ended with 3\n',
    stderr: '',
  })
})

test('a command that survives passes, and --json prints the report', async () => {
  const html = ['--html', path('report.html')]
  const options = [
    '--json',
    ...html,
    '--host',
    'client',
    '--links',
    'client-server',
    '--no-rto-min',
    '--no-captures',
  ]
  const { status, stdout } = await runMain(
    'explore',
    path('net.yaml'),
    ...REQUESTS,
    ...options,
    ...ping(2),
  )
  const { packets, points, failures, rto } = JSON.parse(stdout)
  expect([status, failures, rto]).toEqual([0, [], "the kernel's"])
  expect(packets[0].name).toBe(REQUEST)
  expect(points).toHaveLength(2)
  expect(readFileSync(path('report.html'), 'utf8')).toContain(
    '<title>net.yaml ping -4 -qi0.2 -W3 -c 2 server: passed<',
  )
})

test('the terminal shows how much is done, and --pairs, --bursts and --depth are accepted', async () => {
  const lines: (string | undefined)[] = []
  let stdout = ''
  const io = {
    err: () => {},
    onEnd: () => () => {},
    progress: (line?: string) => void lines.push(line),
  }
  const more = ['--pairs', '--bursts', '2', '--depth', '2', '--faults', 'duplicate', '--json']
  const status = await main(['explore', path('scenario.mjs'), ...more], {
    ...io,
    out: text => {
      stdout += text
    },
  })
  const { faults, points } = JSON.parse(stdout)
  expect([status, faults]).toEqual([0, ['duplicate', 'burst 2']])
  const all = `${points.length} of ${points.length} faults, 0 failed, 0 s left`
  expect(lines.slice(0, 1)).toEqual(['running without faults'])
  expect(lines.slice(-2)).toEqual([all, undefined])
})

test('Ctrl-C ends the run of --repeat, and nothing of it is left', async () => {
  const own = mkdtempSync(join(directory, 'tmp-'))
  const { TMPDIR } = process.env
  process.env.TMPDIR = own
  const script = ['-c', 'touch "$0"; exec sleep 1000', path('repeating')]
  const running = startMain(
    'explore',
    path('net.yaml'),
    '--repeat',
    `drop ${REQUEST}`,
    '--',
    'sh',
    ...script,
  )
  try {
    await vi.waitFor(() => expect(existsSync(path('repeating'))).toBe(true), 30_000)
    expect(readdirSync(own)).not.toEqual([])
    expect(await running.end()).toEqual({ status: 130, stdout: '', stderr: '' })
    expect(readdirSync(own)).toEqual([])
  } finally {
    if (TMPDIR === undefined) {
      delete process.env.TMPDIR
    } else {
      process.env.TMPDIR = TMPDIR
    }
  }
})

test('Ctrl-C ends all runs, and prints the verdicts up to then', async () => {
  rmSync(path('runs'), { force: true })
  // So many that runs are left, even if this process pauses.
  const delays = Array.from({ length: 30 }, (_, i) => `delay ${i + 1}ms`)
  const args = [
    PROGRAM,
    'explore',
    path('scenario.mjs'),
    '--concurrency',
    '1',
    '--faults',
    ['drop', ...delays].join(),
  ]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', text => {
    stdout += text
  })
  await vi.waitFor(
    // One run of a new process, three clean ones, and the first with faults.
    () => expect(readFileSync(path('runs'), 'utf8').length).toBeGreaterThan(5),
    30_000,
  )
  // The whole process group, like a terminal.
  process.kill(-(child.pid as number), 'SIGINT')
  const [status] = await once(child, 'close')
  expect([status, stdout]).toEqual([
    130,
    expect.stringMatching(/\n31 points: \d+ passed, \d+ skipped; /),
  ])
  expect(stdout).not.toContain('FAILED')
})

test('an ordinary user explores without rights', () => {
  const before = `cp -r '${directory}' /run/own; chmod -R a+rX /run/own`
  const words = [
    process.execPath,
    `${TREE}/dist/vnet.js`,
    'explore',
    '/run/own/net.yaml',
    ...REQUESTS,
  ]
  const { status, stdout, stderr } = ended([...asUser({ before }), ...words, ...ping(2)])
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain('\n2 points: ')
})

test('root without capabilities explores in namespaces of its own', () => {
  const by = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all', process.execPath, PROGRAM]
  const { status, stderr } = ended([...by, 'explore', path('scenario.mjs')])
  expect([status, stderr]).toEqual([0, ''])
})

test('a page that cannot be written is reported before the first run', async () => {
  rmSync(path('runs'), { force: true })
  const { status, stderr } = await runMain(
    'explore',
    path('scenario.mjs'),
    '--html',
    path('none/a.html'),
  )
  expect([status, stderr]).toEqual([
    1,
    `vnet: ${path('none/a.html')}: no such file or directory: ${path('none')}\n`,
  ])
  expect(existsSync(path('runs'))).toBe(false)
})

test('the page of an earlier exploration remains without a new report', async () => {
  const html = path('earlier.html')
  writeFileSync(html, 'earlier page')
  const refused = await runMain('explore', path('scenario.mjs'), '--html', html, '--filter', 'tcp')
  expect([refused.status, readFileSync(html, 'utf8')]).toEqual([2, 'earlier page'])
})

test.each([
  [['net.yaml'], 'net.yaml: the command to run in this lab is missing: -- COMMAND'],
  [['net.yaml', '--host', 'third', ...ping(1)], '--host third: the lab has client, server'],
  [['scenario.mjs', ...ping(1)], 'scenario.mjs: a scenario takes no command'],
  [
    ['net.yaml', '--json', 'r.json', '--', 'true'],
    'nothing called r.json; --json writes to standard output\n',
  ],
  [
    ['net.yaml', '--json', '--', './r.json'],
    'nothing called ./r.json; --json writes to standard output\n',
  ],
  [['none.yaml', '--json', 'net.yaml'], 'none.yaml; --json writes to standard output\n'],
  [
    ['scenario.mjs', '--json', 'r.json'],
    'a scenario takes no command; --json writes to standard output\n',
  ],
  [['net.yaml', '--', 'no-such-program'], 'nothing called no-such-program that can be run\n'],
  [
    ['net.yaml', '--', import.meta.dirname],
    `nothing called ${import.meta.dirname} that can be run\n`,
  ],
  [['scenario.mjs', '--host', 'client'], '--host: there is no command'],
  [
    ['empty.mjs'],
    'empty.mjs: the module has no scenario: export default async ({ lab, signal }) => { ... }\n',
  ],
  [['broken.mjs'], 'broken.mjs does not load: SyntaxError: Unexpected end of input\n'],
  [
    ['scenario.mjs', '--json', '--repeat', REQUEST],
    '--json: with --repeat there is one run, and no report',
  ],
  [
    ['scenario.mjs', '--html', '/', '--repeat', REQUEST],
    '--html: with --repeat there is one run, and no report',
  ],
  [
    ['recorded.yaml', ...ping(1)],
    'recorded.yaml: capture: explore records only runs that fail (--captures): remove it',
  ],
  [
    ['scenario.mjs', '--rto-min', '5'],
    '--rto-min 5: must be a time with its unit, such as 500ms or 30s',
  ],
  [['scenario.mjs', '--faults', 'lose'], "faults: 'lose' is not a fault: "],
  [
    ['scenario.mjs', '--budget', '60'],
    '--budget 60: must be a time with its unit, such as 500ms or 30s',
  ],
  [['scenario.mjs', '--bursts', '2,x'], '--bursts 2,x: must be a whole number from 1'],
  [['scenario.mjs', '--depth', '3'], '--depth 3: must be a whole number from 1 to 2'],
  [['scenario.mjs', '--stop-at', '0'], '--stop-at 0: must be a whole number from 1'],
])('vnet explore %s is refused', async ([name = '', ...options], message) => {
  const { status, stdout, stderr } = await runMain('explore', path(name), ...options)
  expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)])
})

test('vnet explore of a scenario that does not exist is refused', async () => {
  const file = path('missing.mjs')
  expect(await runMain('explore', file)).toMatchObject({
    status: 1,
    stderr: `vnet: ${file}: no such file or directory\n`,
  })
})
