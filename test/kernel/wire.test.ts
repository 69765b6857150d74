/** The wire of a running cable: vnet wire, its events and rights, and the statistics at the end. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ControlClient } from '#src/control/index.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Outcome, outcome } from '#support/netns.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { runCommand } from '#support/vnet-commands.ts'
import {
  jsonLines,
  PROGRAM,
  type Running,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const DONE = { status: 0, stdout: '', stderr: '' }

const { near, far, directory } = freshQuietNamespaces('near', 'far')

/** A cable with these options, an address at each end. */
async function cable(...options: string[]): Promise<Running> {
  const addresses = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
  const vnet = await startVnet([
    'cable',
    `${near.name}/left`,
    `${far.name}/right`,
    ...addresses,
    '--json',
    ...options,
  ])
  // The first packet takes no longer than the others: no address is to be resolved.
  await pingWithoutLoss(near, '-c 1 198.18.0.2')
  return vnet
}

/** Runs `vnet wire ARGS` in the namespace `near`. */
function wire(...args: string[]): Promise<Outcome> {
  return runCommand(near, ['wire', ...args])
}

interface ShownStage {
  /** null for a direction without stages. */
  readonly stage: string | null
  readonly direction: string
  readonly [count: string]: unknown
}

async function stages(): Promise<ShownStage[]> {
  const { status, stdout } = await wire('left', '--json')
  expect(status).toBe(0)
  return jsonLines(stdout) as unknown as ShownStage[]
}

test('a cable delays packets in both directions, and vnet wire shows the effects of its stages', async () => {
  const vnet = await cable('--wire', 'delay 10ms', '--wire-ba', 'delay 10ms loss 0%')
  expect((await pingWithoutLoss(near, '-c 5 -i 0.05 198.18.0.2')).shortest).toBeGreaterThanOrEqual(
    20,
  )
  const common = {
    event: 'wire',
    name: 'left',
    netns: near.name,
    path: '',
    held: 0,
    dropped: 0,
    drops: {},
  }
  let shown = await stages()
  // The kernel may verify a hardware address at any moment.
  while (shown.some(({ held }) => held !== 0)) {
    shown = await stages()
  }
  expect(shown).toMatchObject([
    { ...common, stage: 'delay', direction: 'ab', text: 'delay 10ms' },
    { ...common, stage: 'loss', direction: 'ba', text: 'loss 0%', duplicated: 0, corrupted: 0 },
    { ...common, stage: 'delay', direction: 'ba', reordered: 0, marked: 0 },
  ])
  for (const { in: entered, out } of shown) {
    expect([entered, (entered as number) >= 6]).toEqual([out, true])
  }
  expect(shown[0]?.late).toEqual({ p50: expect.any(Number), p99: expect.any(Number) })
  const table = (await wire('left')).stdout.split('\n')
  expect(table.slice(0, 2)).toEqual([
    `${near.name}/left ab: delay 10ms`,
    `${near.name}/left ba: delay 10ms loss 0%`,
  ])
  expect(table[2]).toMatch(/^ +in +out +held +dropped +late p50 +late p99$/)
  expect(table.slice(3, 6).map(line => line.trim().split(/ {2,}/)[0])).toEqual([
    'ab delay',
    'ba loss',
    'ba delay',
  ])
  await stopConserved(vnet)
})

test('no packet is lost while a wire spec is replaced or removed: packets in flight arrive', async () => {
  const vnet = await cable('--wire', 'delay 30ms')
  const ping = near.spawn('ping -q -i 0.005 198.18.0.2')
  const pinged = outcome(ping)
  for (const words of [
    'delay 5ms',
    'delay 30ms | rate 100mbit',
    'off',
    'hold',
    'delay 20ms 5ms',
    'off',
  ]) {
    expect(await wire('left', words)).toEqual(DONE)
  }
  ping.kill('SIGINT')
  const [, sent] = /^(\d+) packets transmitted/m.exec((await pinged).stdout) ?? []
  // Removed stages exist until they hold no packet.
  while ((await stages()).some(({ stage }) => stage !== null)) {}
  const { left, right } = await stopConserved(vnet)
  for (const { drops } of [left!, right!]) {
    expect(drops).toEqual({ tx: {}, rx: {} })
  }
  expect(right!.total.rxPackets).toBeGreaterThanOrEqual(Number(sent))
})

test('a spec for one direction does not change the other, and is the same from either end', async () => {
  const vnet = await cable('--wire', 'delay 1ms')
  expect(await wire('left', '--wire-ab', 'delay 2ms')).toEqual(DONE)
  expect(await runCommand(far, ['wire', 'right', '--wire-ba', 'off'])).toEqual(DONE)
  expect((await stages()).map(({ direction, text, stage }) => [direction, text, stage])).toEqual([
    ['ab', 'delay 2ms', 'delay'],
    ['ba', '', null],
  ])
  const { stdout: shown } = await runCommand(near, ['show', 'left', '--json'])
  expect(JSON.parse(shown).params).toMatchObject({ wireAb: 'delay 2ms', wireBa: '' })
  expect(await wire('left', 'delay 3ms', '--wire-ba', 'delay 4ms')).toEqual(DONE)
  expect((await wire('left')).stdout).toMatch(/ab: delay 3ms\n.*ba: delay 4ms\n/)
  await stopConserved(vnet)
})

test('a wrong spec exits with status 2 and the parser’s lines, and changes neither direction', async () => {
  const vnet = await cable('--wire', 'delay 1ms')
  const { status, stdout, stderr } = await wire(
    'left',
    '--wire-ab',
    'delay 2ms',
    '--wire-ba',
    'delay 2ms lost 1%',
  )
  expect([status, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^vnet: .*'lost'.*\nvnet: +delay 2ms lost 1%\nvnet: +\^{4}\n$/)
  expect(
    (await wire('left', '--wire-ba', `delay 1ms 1ms distribution ${directory}/none`)).status,
  ).toBe(1)
  writeFileSync(join(directory, 'long'), '1\n'.repeat(40_000))
  const long = await wire('left', `trace ${directory}/long`)
  expect([long.status, long.stderr]).toEqual([
    2,
    expect.stringContaining('give it at the start, by --wire'),
  ])
  expect((await stages()).map(({ text }) => text)).toEqual(['delay 1ms', 'delay 1ms'])
  await stopConserved(vnet)
})

test('vnet wire reads the files and compiles the filters of a spec in its own directory', async () => {
  const vnet = await cable()
  writeFileSync(join(directory, 'table'), '0 '.repeat(16))
  writeFileSync(join(directory, 'trace'), '1\n2\n')
  const words = 'match icmp (trace ./trace | delay 5ms 1ms distribution ./table) else (blackhole)'
  const change = [
    'sh',
    '-c',
    `cd ${directory} && exec "$@"`,
    'sh',
    process.execPath,
    PROGRAM,
    'wire',
    'left',
    words,
  ]
  expect(await outcome(near.spawn(change))).toEqual(DONE)
  expect((await pingWithoutLoss(near, '-c 3 -i 0.05 198.18.0.2')).longest).toBeGreaterThanOrEqual(
    10,
  )
  const delay = (await stages()).find(
    ({ stage, direction }) => stage === 'delay' && direction === 'ab',
  )
  expect(delay).toMatchObject({ path: 'match then ', out: 3 })
  await stopConserved(vnet)
})

test('every user may look at a wire, and only root and the owner may change it', async () => {
  const vnet = await cable('--wire', 'delay 1ms')
  const asNobody = (...args: string[]) => {
    const [, , , , ...within] = asNobodyIn(near)
    return outcome(near.spawn([...within, process.execPath, PROGRAM, 'wire', 'left', ...args]))
  }
  expect(await asNobody()).toMatchObject({
    status: 0,
    stdout: expect.stringContaining('ab: delay 1ms'),
  })
  const { status, stderr } = await asNobody('off')
  expect([status, stderr]).toEqual([1, expect.stringMatching(/^vnet: only root/)])
  expect(await stages()).toHaveLength(2)
  await stopConserved(vnet)
})

test('each change is an event at both ends and a line of the log', async () => {
  const vnet = await cable()
  using client = ControlClient.open()
  const { interfaces } = JSON.parse((await runCommand(near, ['list', '--json'])).stdout)
  const events: unknown[] = []
  const { ended } = await client.subscribe(
    interfaces[0].vnet,
    ({ name, direction, text }) => events.push([name, direction, text]),
    { events: ['wire'] },
  )
  expect(await wire('left', '--wire-ab', 'loss 1%')).toEqual(DONE)
  expect(await wire('left', 'off')).toEqual(DONE)
  const logged = await vnet.stop()
  await ended
  expect(events).toEqual([
    ['left', 'ab', 'loss 1%'],
    ['right', 'ab', 'loss 1%'],
    ['left', 'ab', ''],
    ['right', 'ab', ''],
  ])
  const lines = jsonLines(logged.stdout).filter(({ event }) => event === 'log')
  expect(
    lines
      .map(({ level, message }) => `${level} ${message}`)
      .filter(line => line.includes('left: wire')),
  ).toEqual(['info left: wire ab: loss 1%', 'info left: wire ab: off'])
})

test('vnet wire of a loop exits with status 1 and names the drivers that have wires', async () => {
  const vnet = await startVnet(['loop', '--name', 'lo7', '--netns', near.name, '--json'])
  for (const words of [[], ['loss 1%']]) {
    const { status, stderr } = await wire('lo7', ...words)
    expect([status, stderr]).toEqual([
      1,
      expect.stringContaining('loop has no wire: use a driver whose --help lists --wire'),
    ])
  }
  await stopConserved(vnet)
})

test('the statistics at the end have a line for each stage, with its drops by reason', async () => {
  const vnet = await cable()
  expect(await wire('left', '--wire-ab', 'loss every 2')).toEqual(DONE)
  await near.run('ping -q -c 4 -i 0.02 -W 0.1 198.18.0.2')
  const ended = await vnet.stop()
  const { wires } = jsonLines(ended.stdout).find(({ event }) => event === 'statistics') as {
    wires: ShownStage[]
  }
  expect(wires).toMatchObject([
    { name: 'left', netns: near.name, stage: 'loss', direction: 'ab', text: 'loss every 2' },
  ])
  const [{ in: entered, dropped, drops, held }] = wires as [ShownStage]
  expect([drops, held]).toEqual([{ loss: dropped }, 0])
  expect(dropped).toBe(Math.floor((entered as number) / 2))
})
