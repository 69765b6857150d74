/** vnet record finds the numbers of a link that is known. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { parseLinkTrace } from '#src/wire/stages/link-trace.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { runMain } from '#support/run-main.ts'
import { PROGRAM } from '#support/vnet-process.ts'
import { createLab } from '../../../packages/lab/src/index.ts'

const directory = freshDirectory()

test('record finds the delay and the rate of a link, and writes its trace', async () => {
  const out = join(directory, 'link.csv')
  await using lab = await createLab()
  const [client, server] = lab.hosts('client', 'server')
  await lab.cable(client, server, { wire: 'rate 10mbit | delay 15ms' })
  const options = ['--time', '1s', '--interval', '10ms', '--out', out]
  const recorded = await client.exec(process.execPath, [PROGRAM, 'record', 'server', ...options])
  expect([recorded.status, recorded.stderr]).toEqual([0, ''])
  const [, rate, delay] =
    /^ +wire +rate ([\d.]+)mbit \| delay ([\d.]+)ms/m.exec(recorded.stdout) ?? []
  // A busy machine delays replies; test/wire/fit.slow.test.ts checks the numbers.
  expect(Number(rate)).toBeGreaterThan(0)
  expect(Number(delay)).toBeGreaterThan(14)
  expect(recorded.stdout).toContain('100 probes of 118 bytes')
  expect(parseLinkTrace(readFileSync(out, 'utf8'), false).delays?.[0]).toBeGreaterThan(14e6)

  // With a default route the name is that of the interface, and its gateway is measured.
  const { stdout } = await client.exec('getent', ['ahostsv4', 'server'])
  const [gateway = ''] = stdout.split(' ')
  await client.exec('ip', ['route', 'add', 'default', 'via', gateway, 'dev', 'server'])
  const again = await client.exec(process.execPath, [PROGRAM, 'record', 'server', ...options])
  // An IPv4 packet is 20 bytes shorter.
  expect([again.status, again.stdout]).toEqual([
    0,
    expect.stringContaining('100 probes of 98 bytes'),
  ])

  const refused = await client.exec(process.execPath, [
    PROGRAM,
    'record',
    'server',
    '--time',
    '50ms',
  ])
  expect([refused.status, refused.stderr]).toEqual([
    2,
    expect.stringContaining('needs at least 10 probes'),
  ])
})

test('record measures any host that replies, and says why another does not', async () => {
  const out = join(directory, 'own.csv')
  const options = ['--time', '100ms', '--interval', '10ms', '--out', out]
  const { status, stdout } = await runMain('record', '127.0.0.1', ...options)
  expect([status, stdout]).toEqual([
    0,
    expect.stringMatching(/^127\.0\.0\.1: 10 probes of 98 bytes\n/),
  ])
  expect(stdout).toContain(`  trace       ${out}\n`)
  const fields = JSON.parse((await runMain('record', '127.0.0.1', ...options, '--json')).stdout)
  expect(fields).toMatchObject({
    event: 'record',
    target: '127.0.0.1',
    probes: 10,
    bytes: 98,
    lost: 0,
    trace: out,
  })
  expect(fields.trip.p99).toBeGreaterThanOrEqual(fields.trip.min)
  rmSync(out)
  expect(await runMain('record', 'host.invalid', ...options)).toMatchObject({
    status: 1,
    stdout: '',
    stderr: expect.stringMatching(/^vnet: record host\.invalid: no reply: .+\n$/),
  })
  expect(existsSync(out)).toBe(false)
})

/** Sets PATH to a directory with this script as ping, or without any program. */
function usePing(name: string, text?: string): void {
  const path = join(directory, name)
  mkdirSync(path)
  if (text !== undefined) {
    writeFileSync(join(path, 'ping'), `#!/bin/sh\n${text}\n`, { mode: 0o755 })
  }
  vi.stubEnv('PATH', path)
  onTestFinished(() => void vi.unstubAllEnvs())
}

/** The lines of ping for replies that arrive with a time in us between them. */
function replies(count: number, between: number): string {
  const line = (_: unknown, i: number) => {
    const us = `${i * between}`.padStart(6, '0')
    return `[1700000000.${us}] 64 bytes from 192.0.2.1: icmp_seq=${i + 1} ttl=64 time=20.0 ms`
  }
  return Array.from({ length: count }, line).join('\n')
}

test('record measures the rate by the times at which the packets of a train arrive', async () => {
  // 1442 bytes in 1 ms.
  usePing(
    'trains',
    `case "$*" in *' -l 100 '*) echo '${replies(100, 1000)}' ;; *) echo '${replies(10, 20_000)}' ;; esac`,
  )
  const out = join(directory, 'trains.csv')
  const { stdout } = await runMain('record', '192.0.2.1', '--time', '200ms', '--out', out, '--json')
  expect(JSON.parse(stdout)).toEqual({
    event: 'record',
    target: '192.0.2.1',
    probes: 10,
    bytes: 98,
    trip: { min: 20, median: 20, p90: 20, p99: 20 },
    lost: 0,
    runs: 0,
    meanRun: 0,
    // Times in ns since 1970 are doubles with steps of 256.
    rate: expect.closeTo(11_536_000, -4),
    wire: 'rate 11.5mbit | delay 9.93ms',
    distance: null,
    trace: out,
  })
})

test.each([
  [1000, 'needs root'],
  [0, 'trains of packets were lost'],
])(
  'record of the user %i says what was not measured when ping refuses trains',
  async (uid, why) => {
    usePing(
      `refuses-${uid}`,
      `case "$*" in *' -l '*) exit 2 ;; esac\necho '${replies(10, 20_000)}'`,
    )
    const getuid = vi.spyOn(process, 'getuid').mockReturnValue(uid)
    onTestFinished(() => getuid.mockRestore())
    const out = join(directory, 'refused.csv')
    const { status, stdout, stderr } = await runMain(
      'record',
      '192.0.2.1',
      '--time',
      '200ms',
      '--out',
      out,
    )
    expect([status, stderr]).toEqual([0, ''])
    expect(stdout).toContain(`\n  rate        not measured: ${why}\n`)
    expect(stdout).toContain('\n  distance    not measured: the jitter is less than 50us\n')
  },
)

test('record fails with status 1 without ping, and before it measures if the file cannot be written', async () => {
  usePing('none')
  const recordTo = (out: string) => runMain('record', '192.0.2.1', '--out', join(directory, out))
  expect(await recordTo('x.csv')).toEqual({
    status: 1,
    stdout: '',
    stderr: 'vnet: record needs the program ping: sudo apt-get install iputils-ping\n',
  })
  const out = join('missing', 'x.csv')
  const stderr = `vnet: ${join(directory, out)}: no such file or directory: ${join(directory, 'missing')}\n`
  expect(await recordTo(out)).toEqual({ status: 1, stdout: '', stderr })
})
