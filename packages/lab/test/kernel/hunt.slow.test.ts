/** `vnet explore --server CMD --client CMD`: a server and clients in another language. */
import { readdirSync } from 'node:fs'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { runMain, startMain } from '#support/run-main.ts'
import { jsonLines } from '#support/vnet-process.ts'
import { huntedPrograms, processesOf } from '../support/hunted-programs.ts'
import { useTmpdir } from '../support/own-tmpdir.ts'

const LIMIT = 60_000

const programs = huntedPrograms(fileDirectory())
// All that remains of a run would be here.
const temporary = fileDirectory()
useTmpdir(temporary)

const SERVED = ['explore', '--server', programs.server, '--ready', 'ready']
const client = (mode: string) => ['--client', programs.client(mode)]
const leftBehind = () => readdirSync(temporary).filter(name => name.startsWith('vnet-'))

test(
  'a client that checks its reply and its time has no finding',
  async () => {
    const { status, stdout, stderr } = await runMain(...SERVED, ...client('right'), '--labs', '2')
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(
      /^exec python3 \S+ right\n2 clean runs passed in [\d.]+ to [\d.]+ ms: 1 connection, 2 turns, 23 points\n/,
    )
    expect(stdout).toMatch(
      /\n23 of 23 points: .*\d+ error.*; 0 findings; \d+ runs in [\d.]+ s, [\d.]+ points\/s\n$/,
    )
    expect(stdout).not.toContain('not reached')
    expect(leftBehind()).toEqual([])
  },
  LIMIT,
)

test(
  'a client that takes an end for the whole reply is a finding, also without vnet',
  async () => {
    const promised = ['--promise', 'the whole reply, or an error']
    const { status, stdout } = await runMain(
      ...SERVED,
      ...client('lying'),
      '--faults',
      'fin',
      ...promised,
      '--json',
    )
    expect(status).toBe(1)
    const [clean, finding, result, end, ...others] = jsonLines(stdout)
    expect(others).toEqual([])
    expect(clean).toMatchObject({ event: 'clean', points: 3, notes: [] })
    expect(finding).toMatchObject({
      event: 'finding',
      verdict: 'wrong data with status 0',
      point: { fault: 'fin', connection: 1, from: 'server' },
      run: { status: 0, signal: null, hung: false },
      repeated: 3,
      of: 3,
      plain: 'also without vnet',
    })
    expect(finding!.reproducer).toContain('import ')
    expect(finding!.block).toContain('the whole reply, or an error')
    expect(result).toMatchObject({
      event: 'result',
      tried: 3,
      findings: 1,
      counts: { 'wrong data with status 0': 3, 'not reached': 0 },
      groups: [{ verdict: 'wrong data with status 0', isConfirmed: true }],
    })
    expect(end).toMatchObject({ event: 'end', findings: 1 })
    expect(leftBehind()).toEqual([])
  },
  LIMIT,
)

test(
  'a client that waits for ever is one finding, at whatever byte its link falls silent',
  async () => {
    const given = [...SERVED, ...client('hanging'), '--faults', 'silence', '--ends-within', '2s']
    const { status, stdout } = await runMain(...given)
    expect(status).toBe(1)
    expect(stdout).toMatch(/\nFINDING hangs: silence at .*, connection 1: 3 of 3, /)
    expect(stdout.match(/\nFINDING /g)).toHaveLength(1)
    expect(stdout).toMatch(/\nhangs at 6 points: silence at .*; and 2 more\n/)
  },
  LIMIT,
)

test(
  'a client that a signal ends is a finding',
  async () => {
    const given = [...SERVED, ...client('killed'), '--faults', 'reset']
    const { status, stdout } = await runMain(...given)
    expect(status).toBe(1)
    expect(stdout).toMatch(/\nFINDING killed by a signal: reset at .*, connection 1: 3 of 3, /)
  },
  LIMIT,
)

test(
  'a status that is not expected is a finding',
  async () => {
    // Without a time of its own, which a busy machine may exceed.
    const given = [...SERVED, ...client('hanging'), '--faults', 'reset', '--errors', '1,28']
    const { status, stdout } = await runMain(...given)
    expect(status).toBe(1)
    expect(stdout).toContain('\nFINDING status is not in --errors: reset at ')
  },
  LIMIT,
)

test(
  'a server that ends with its client is started again, and each point is reached',
  async () => {
    const { status, stdout } = await runMain(
      ...['explore', '--server', programs.fragile, ...client('hanging'), '--faults', 'reset'],
    )
    expect(status).toBe(0)
    expect(stdout).toMatch(/\nthe server ended with status 1 in \d+ runs, and was started again\n/)
    expect(stdout).toMatch(/\n8 of 8 points: 8 error; 0 findings; /)
  },
  LIMIT,
)

test(
  'a warm program runs clients, with the same verdicts',
  async () => {
    const warm = ['--warm', programs.warm, '--faults', 'fin', '--labs', '1']
    const { status, stdout } = await runMain(
      ...SERVED,
      '--client',
      programs.script('lying'),
      ...warm,
    )
    expect(status).toBe(1)
    expect(stdout).toMatch(
      /\nFINDING wrong data with status 0: fin at .*: 3 of 3, also without vnet\n/,
    )
  },
  LIMIT,
)

test(
  'a warm program that does not answer ends the exploration in a line',
  async () => {
    const warm = ['--warm', "sh -c 'echo ready; cat > /dev/null'", '--ends-within', '100ms']
    const { status, stderr } = await runMain(...SERVED, '--client', 'get.py 80', ...warm)
    expect([status, stderr]).toEqual([
      2,
      'vnet: --warm: no reply for \'get.py 80\': the program must end its child after 0.1 s, and print {"status", "out", "err", "hung"}\n',
    ])
  },
  LIMIT,
)

test.each([
  [['--errors', '0', 'net.yaml'], '--errors 0: must be a whole number from 1 to 255'],
  [['--server', ' '], 'must not be empty'],
  [['--client', 'true', 'net.yaml'], '--client: only with --server, which it belongs to'],
  [['--server', 'true', '--client', 'true', '--no-reuse'], '--reuse: not with --server'],
  [[], 'explore: missing argument FILE: a lab file or a scenario; or give --server and --client'],
])('%j is refused in a line', async (args, message) => {
  const { status, stdout, stderr } = await runMain('explore', ...args)
  expect([status, stdout, stderr.trimEnd().split('\n').length]).toEqual([2, '', 1])
  expect(stderr).toContain(message)
})

test.each([
  ['exit 4', '30s', /^vnet: exit 4: without faults it has ended with status 4\n$/],
  [
    'exec sleep 100',
    '500ms',
    /^vnet: exec sleep 100: without faults it has not ended within 0.5 s\n$/,
  ],
  ['true', '30s', /^vnet: true: it opens no TCP connection to the host server\n$/],
])(
  '%s ends the exploration in a line',
  async (command, within, line) => {
    const given = [...SERVED, '--client', command, '--ends-within', within]
    const { status, stdout, stderr } = await runMain(...given)
    expect([status, stdout]).toEqual([1, ''])
    expect(stderr).toMatch(line)
    expect(leftBehind()).toEqual([])
  },
  LIMIT,
)

test(
  'a server that does not start ends it in a line',
  async () => {
    const { status, stderr } = await runMain(
      'explore',
      '--server',
      'echo no port; exit 5',
      ...client('right'),
    )
    expect(status).toBe(1)
    expect(stderr).toMatch(/^vnet: the server has ended with status 5, and .*: no port.*\n$/)
    expect(leftBehind()).toEqual([])
  },
  LIMIT,
)

test(
  'a signal ends all labs, and leaves no process and no directory',
  async () => {
    const running = startMain(...SERVED, ...client('hanging'), '--faults', 'silence')
    await running.until(stdout => stdout.includes(' points\n'))
    const { status, stdout } = await running.end({ signal: 'SIGTERM' })
    expect(status).toBe(143)
    expect(stdout).toContain('not everything was tried: it was stopped\n')
    expect(leftBehind()).toEqual([])
    expect(processesOf(programs.directory)).toEqual([])
  },
  LIMIT,
)

test(
  'the budget ends all labs, too',
  async () => {
    const given = [...SERVED, ...client('hanging'), '--faults', 'silence', '--budget', '3s']
    const { status, stdout } = await runMain(...given)
    expect(status).toBe(1)
    expect(stdout).toMatch(/^not everything was tried: the budget of 3 s has ended$/m)
    expect(leftBehind()).toEqual([])
  },
  LIMIT,
)
