/** Labs in virtual time that stop for commands. */
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { complaints, digestOf, startVnet, vnet } from '../support/guest-runs.ts'

// All tests continue from one snapshot of the lab.
const cwd = fileDirectory()

const LAB = `
hosts: [client, server]
cables:
  client-server:
    ends: [client, server]
    wire: delay 20ms loss 10%
`

const PING = ['ping', '-n', '-c', '20', '198.18.1.2']

function args(...options: readonly string[]): string[] {
  writeFileSync(join(cwd, 'net.yaml'), LAB)
  return ['lab', 'net.yaml', '--time', 'virtual', ...options, '--', ...PING]
}

const inLab = (input: string | undefined, ...options: readonly string[]) =>
  vnet(args(...options), { cwd, ...(input !== undefined && { input }) })

const linesOf = (text: string, pattern: RegExp) =>
  text.split('\n').filter(line => pattern.test(line))
const stopsOf = ({ stderr }: { stderr: string }) => linesOf(stderr, /^vnet: stopped/)
const repliesOf = ({ stdout }: { stdout: string }) =>
  stdout.match(/(?<=bytes from .*)icmp_seq=\d+/g)

test('commands look at copies of a stopped lab, and looking changes no byte of the run', async () => {
  const stops = ['--stop-at', '5s', '--stop-at', 'client-server ba icmp nth 7']
  const look =
    'ip link set client down; touch made; ping -c1 -W1 127.0.0.1 | grep packets; pgrep -c ping'
  const looking = await inLab(
    `${look}\nserver: ip -br link\ncontinue\nvnet stats\nfalse\ncontinue\n`,
    ...stops,
  )
  const other = await inLab(undefined, ...stops)
  expect([looking.status, other.status]).toEqual([0, 0])
  expect(looking.stdout).toContain('1 packets transmitted, 1 received')
  expect(looking.stdout).toMatch(/^client +UP/m)
  expect(looking.stdout).toMatch(/^net:client\/server /m)
  expect(complaints(looking)).toContain('vnet: the command has ended with status 1')
  expect(stopsOf(looking)).toEqual([
    expect.stringMatching(/^vnet: stopped after (5\.00|4\.999)\d+ s: 5s$/),
    expect.stringMatching(/^vnet: stopped after \d\.\d{9} s: client-server ba icmp nth 7$/),
  ])
  expect(stopsOf(other)).toEqual(stopsOf(looking))
  expect(digestOf(other)).toBe(digestOf(looking))
  expect(readdirSync(cwd)).toEqual(['net.yaml'])
})

test('a run with stops loses the same packets as one without', async () => {
  const without = await inLab(undefined)
  const stopped = await inLab(undefined, '--stop-at', '5s', '--stop-at', '7s')
  expect([repliesOf(without)?.length, stopsOf(stopped).length]).toEqual([expect.any(Number), 2])
  expect(repliesOf(stopped)).toEqual(repliesOf(without))
})

test('a step stops at the next packet, and quit ends the run', async () => {
  const end = await inLab(
    'step\nstep\nquit\n',
    '--stop-at',
    'client-server ab icmp nth 2',
    '--stop-at',
    '15s',
  )
  expect([end.status, stopsOf(end).length]).toEqual([1, 3])
  const [, first, second] = stopsOf(end).map(line => Number(/after (\S+) s/.exec(line)?.[1]))
  expect(stopsOf(end)[1]).toMatch(/: client-server (ab|ba) nth \d+$/)
  expect(second).toBeGreaterThan(first as number)
  expect(complaints(end).slice(-2)).toEqual([
    'vnet: the guest has ended: quit',
    'vnet: --stop-at 15s: not reached',
  ])
})

test('a signal ends a run that waits for a command', async () => {
  const run = startVnet(args('--stop-at', '1s'), { cwd, input: 'echo looked\n' })
  await run.printed('looked\n')
  run.kill('SIGINT')
  expect((await run.ended).status).toBe(130)
})

test.each([
  [
    'soon',
    "vnet: --stop-at soon: expected a time, such as 90s, or a packet, such as 'client-server ab nth 17'",
  ],
  ['a-b ab nth 1', 'vnet: --stop-at a-b ab nth 1: the lab has no link a-b; it has client-server'],
])('the stop %s ends with 2 and one line', async (text, line) => {
  const end = await inLab(undefined, '--stop-at', text)
  expect([end.status, end.stderr]).toEqual([2, `${line}\n`])
})

// It changes the directory, so it comes last.
test('commands that act change the run, and --verify gives them to both runs', async () => {
  const input = 'do touch made\ndo server: ip link set client down\ncontinue\n'
  // Without loss the last reply is that before the link ends.
  writeFileSync(join(cwd, 'whole.yaml'), LAB.replace(' loss 10%', ''))
  const options = ['--time', 'virtual', '--verify', '--stop-at', '9.5s']
  const end = await vnet(['lab', 'whole.yaml', ...options, '--', ...PING], { cwd, input })
  expect(end.stderr).toMatch(/^vnet: both runs are the same/m)
  expect(stopsOf(end)).toEqual([
    expect.stringMatching(/: 9\.5s$/),
    expect.stringMatching(/: the end of the command, with status 0$/),
    expect.stringMatching(/: the end of the command, with status 0$/),
  ])
  expect(repliesOf(end)?.at(-1)).toMatch(/=(9|10)$/)
  expect(readdirSync(cwd)).toContain('made')
})
