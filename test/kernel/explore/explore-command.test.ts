/** `vnet explore`: a command in the lab of a file, or a scenario in JavaScript. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { main } from '../../../src/cli/main.ts'
import { asUser, ended, TREE } from '../../support/ordinary-user.ts'
import { runMain } from '../../support/run-main.ts'
import { PROGRAM } from '../../support/vnet-process.ts'

const NET = `
namespaces: [client, server]
cables:
  link: { ends: [client, server] }
run:
  server: { command: 'sh -c "echo up; exec sleep 1000"', ready: up }
`
/** Notes each run, and sends one datagram. */
const SCENARIO = `
import { appendFileSync } from 'node:fs'
export default async ({ lab }) => {
  const [client, server] = lab.namespaces('client', 'server')
  await lab.cable(client, server)
  const receiver = await server.createSocket('udp4', 5000)
  const sender = await client.createSocket('udp4')
  sender.send('x', 5000, 'server')
  appendFileSync(new URL('runs', import.meta.url), 'x')
  await new Promise(resolve => setTimeout(resolve, 20))
}
`
const REQUEST = 'client-server ab icmp client > server packet 1'

let directory: string
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'explore-command-'))
  writeFileSync(join(directory, 'net.yaml'), NET)
  writeFileSync(join(directory, 'scenario.mjs'), SCENARIO)
})
afterAll(() => rmSync(directory, { recursive: true }))
const path = (name: string) => join(directory, name)

/** The arguments for one request, repeated up to `count` times. */
const ping = (count: number) => ['--', 'ping', '-4', '-qi0.2', '-W4', '-c', String(count), 'server']

function removeCaptures(text: string): void {
  for (const [, file = ''] of text.matchAll(/captured in (\S+)/g)) {
    rmSync(dirname(dirname(file)), { recursive: true, force: true })
  }
}

test('a command fails by its status, and the report has the command that repeats it', async () => {
  const net = path('net.yaml')
  const seed = ['--seed', '7']
  const options = ['--faults', 'drop, delay 2ms', ...seed]
  const { status, stdout, stderr } = await runMain('explore', net, ...options, ...ping(1))
  removeCaptures(stdout)
  expect([status, stderr]).toEqual([1, ''])
  expect(stdout).toContain(`FAILED always: drop ${REQUEST}`)
  expect(stdout).toContain('the command ended with 1')
  expect(stdout).toContain('  printed:\n  server: up\n  PING ')
  expect(stdout).toContain('4 points: 2 passed, 2 failed;')
  const [, limit = ''] = / --timeout (\d+ms) /.exec(stdout) ?? []
  const line = `vnet explore ${net} --repeat 'drop ${REQUEST}' --timeout ${limit} --seed 7 ${ping(1).join(' ')}`
  expect(stdout).toContain(`\n  ${line}\n`)
  const again = await runMain('explore', net, '--repeat', `drop ${REQUEST}`, '--timeout', limit, ...seed, ...ping(1))
  expect(again).toEqual({ status: 1, stdout: '', stderr: 'vnet: the command ended with 1\n' })
  const other = await runMain('explore', net, '--repeat', `delay 2ms ${REQUEST}`, ...ping(1))
  expect(other).toEqual({ status: 0, stdout: 'passed\n', stderr: '' })
})

test('a command that survives passes, and --json prints the report as one object', async () => {
  const html = ['--html', path('report.html')]
  const options = [
    '--json',
    ...html,
    '--faults',
    'drop',
    '--host',
    'client',
    '--links',
    'client-server',
    '--filter',
    'icmp',
  ]
  const { status, stdout } = await runMain('explore', path('net.yaml'), ...options, ...ping(3))
  const { packets, points, failures } = JSON.parse(stdout)
  expect([status, failures]).toEqual([0, []])
  expect(packets[0].name).toBe(REQUEST)
  expect(points).toHaveLength(packets.length)
  expect(readFileSync(path('report.html'), 'utf8')).toContain('<title>net.yaml ping -4 -qi0.2 -W4 -c 3 server: passed<')
})

test('the terminal shows how much is done, and when it will end', async () => {
  const lines: (string | undefined)[] = []
  const io = { out: () => {}, err: () => {}, onEnd: () => () => {}, progress: (line?: string) => lines.push(line) }
  const args = ['explore', path('scenario.mjs'), '--faults', 'drop,duplicate']
  expect(await main(args, { ...io, progress: line => void io.progress(line) })).toBe(0)
  expect(lines).toEqual([
    'running without faults',
    expect.stringMatching(/^1 of 2 faults, 0 failed, \d+ s left$/),
    '2 of 2 faults, 0 failed, 0 s left',
    undefined,
  ])
})

test('pairs, bursts and the depth are those of the options', async () => {
  const more = ['--pairs', '--bursts', '2', '--depth', '2', '--faults', 'duplicate,delay 1ms']
  const { status, stdout } = await runMain('explore', path('scenario.mjs'), '--json', ...more)
  const { faults, points } = JSON.parse(stdout)
  expect([status, faults]).toEqual([0, ['duplicate', 'delay 1ms', 'burst 2']])
  expect(points.length).toBeGreaterThanOrEqual(2)
})

test('Ctrl-C ends all runs, and prints the verdicts up to then', async () => {
  rmSync(path('runs'), { force: true })
  // So many that runs are left, even if this process pauses.
  const delays = Array.from({ length: 30 }, (_, i) => `delay ${i + 1}ms`)
  const args = [PROGRAM, 'explore', path('scenario.mjs'), '--concurrency', '1', '--faults', ['drop', ...delays].join()]
  const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] })
  let stdout = ''
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  await vi.waitFor(() => expect(readFileSync(path('runs'), 'utf8').length).toBeGreaterThan(4), 30_000)
  // The whole process group, like a terminal.
  process.kill(-(child.pid as number), 'SIGINT')
  const [status] = await once(child, 'close')
  expect([status, stdout]).toEqual([130, expect.stringMatching(/\n31 points: \d+ passed, \d+ skipped; /)])
  expect(stdout).not.toContain('FAILED')
})

test('an ordinary user explores without rights', () => {
  const before = `cp -r '${directory}' /run/own; chmod -R a+rX /run/own`
  const words = [process.execPath, `${TREE}/dist/vnet.js`, 'explore', '/run/own/net.yaml', '--faults', 'drop']
  const { status, stdout, stderr } = ended([...asUser({ before }), ...words, ...ping(3)])
  expect([status, stderr]).toEqual([0, ''])
  expect(stdout).toContain(' passed; ')
})

test('without rights it says what to do', () => {
  const by = ['setpriv', '--bounding-set=-sys_admin', '--inh-caps=-all', process.execPath, PROGRAM]
  const { status, stderr } = ended([...by, 'explore', path('scenario.mjs')])
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^vnet: a lab needs CAP_SYS_ADMIN.*\n$/)])
})

test('a page that cannot be written is reported before the first run', async () => {
  rmSync(path('runs'), { force: true })
  const { status, stderr } = await runMain('explore', path('scenario.mjs'), '--html', path('none/a.html'))
  expect([status, stderr]).toEqual([1, `vnet: open ${path('none/a.html')}: ENOENT, no such file or directory\n`])
  expect(existsSync(path('runs'))).toBe(false)
})

test('the page of an earlier exploration remains if there is no report', async () => {
  const html = path('earlier.html')
  writeFileSync(html, 'earlier page')
  const refused = await runMain('explore', path('scenario.mjs'), '--html', html, '--filter', 'tcp')
  expect([refused.status, readFileSync(html, 'utf8')]).toEqual([2, 'earlier page'])
  await runMain('explore', path('scenario.mjs'), '--html', html, '--faults', 'duplicate')
  expect(readFileSync(html, 'utf8')).toMatch(/^<!DOCTYPE html>/)
})

test('a failure by time is repeated by the printed command', async () => {
  const net = path('net.yaml')
  const wait = ['--', 'sh', '-c', 'ping -4 -qc1 -W1 server || sleep 1000']
  const options = ['--faults', 'drop', '--filter', 'icmp[0] = 8', '--timeout', '3s']
  const { status, stdout } = await runMain('explore', net, ...options, ...wait)
  removeCaptures(stdout)
  expect([status, stdout]).toEqual([1, expect.stringContaining(` --repeat 'drop ${REQUEST}' --timeout 3000ms -- sh`)])
  const again = await runMain('explore', net, '--repeat', `drop ${REQUEST}`, '--timeout', '3000ms', ...wait)
  expect([again.status, again.stderr]).toEqual([1, expect.stringContaining('timed out after 3000 ms')])
}, 60_000)

test.each([
  [['net.yaml'], 'net.yaml: the command to run in this lab is missing: -- COMMAND'],
  [['net.yaml', '--host', 'third', ...ping(1)], '--host third: the lab has client, server'],
  [['scenario.mjs', ...ping(1)], 'scenario.mjs: a scenario takes no command'],
  [['scenario.mjs', '--host', 'client'], '--host: there is no command'],
  [['scenario.mjs', '--json', '--repeat', REQUEST], '--json: with --repeat there is one run, and no report'],
  [['scenario.mjs', '--html', '/', '--repeat', REQUEST], '--html: with --repeat there is one run, and no report'],
  [['scenario.mjs', '--faults', 'lose'], "faults: 'lose' is not a fault: "],
  [['scenario.mjs', '--budget', '60'], '--budget 60: must be a time with its unit, such as 500ms or 30s'],
  [['scenario.mjs', '--bursts', '2,x'], '--bursts 2,x: must be a whole number from 1'],
  [['scenario.mjs', '--depth', '3'], '--depth 3: must be a whole number from 1 to 2'],
  [['scenario.mjs', '--stop-at', '0'], '--stop-at 0: must be a whole number from 1'],
])('vnet explore %s is refused', async ([name = '', ...options], message) => {
  const { status, stdout, stderr } = await runMain('explore', path(name), ...options)
  expect([status, stdout, stderr]).toEqual([2, '', expect.stringContaining(message)])
})
