/**
 * How a capture of a bad cable looks in tools without knowledge of vnet: tshark, capinfos, tcpdump
 * and editcap.
 */
import { readdirSync, rmSync, statSync, watch, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { lines, pingWithoutLoss } from '#support/traffic.ts'
import { packetFields, readCapture } from '#support/tshark.ts'
import {
  finalWires,
  type Running,
  spawnVnet,
  startVnet,
  stopConserved,
} from '#support/vnet-process.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')

const file = (name = 'a.pcapng') => join(directory, name)

/**
 * Starts a cable between the namespaces. Its ends have each other's MAC addresses, so no packet is
 * ARP.
 */
async function cable(start: typeof startVnet, ...args: string[]): Promise<Running> {
  const addresses = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
  const ends = [`${left.name}/left`, `${right.name}/right`]
  const vnet = await start(['cable', ...ends, '--json', '--seed', '7', ...addresses, ...args])
  const [a, b] = vnet.interfaces()
  left.ip(`neigh add 198.18.0.2 lladdr ${b!.mac} dev left`)
  right.ip(`neigh add 198.18.0.1 lladdr ${a!.mac} dev right`)
  return vnet
}

const ping = (count: number, options = '-i 0.002') =>
  left.run(`ping -q -c ${count} ${options} -W 1 198.18.0.2`)

const FIELDS = [
  'frame.packet_id',
  'frame.packet_flags_direction',
  'frame.comment',
  'frame.interface_name',
  'frame.time_epoch',
] as const

/** The packets of a capture that a filter of tshark chooses. */
const rowsOf = (filter: string) => packetFields(file(), FIELDS, filter)
const droppedRows = () => rowsOf('frame.verdict')

/** The packets that were not dropped, at their two ends. */
function passedRows(filter = '') {
  const rows = rowsOf(`!frame.verdict${filter}`)
  const of = (direction: number) =>
    rows.filter(row => Number(row['frame.packet_flags_direction']) === direction)
  return { sent: of(2), arrived: of(1) }
}

const idsOf = (rows: ReturnType<typeof rowsOf>) => rows.map(row => row['frame.packet_id'])

test('with loss 5% each lost packet appears once, with its reason, and sent = arrived + dropped', async () => {
  const vnet = await cable(startVnet, '--wire', 'loss 5%', '--capture', file())
  await ping(400)
  await stopConserved(vnet)
  const [passed, dropped] = [passedRows(), droppedRows()]
  const [sent, arrived] = [idsOf(passed.sent), idsOf(passed.arrived)]
  expect(dropped.length).toBeGreaterThan(10)
  expect(sent.length).toBe(arrived.length + dropped.length)
  const gone = idsOf(dropped)
  for (const ids of [sent, arrived, gone]) {
    expect(new Set(ids).size).toBe(ids.length)
  }
  expect([...arrived, ...gone].sort()).toEqual([...sent].sort())
  for (const row of dropped) {
    // The second sending interface numbers its packets from 2 * 2^40.
    const id = Number(row['frame.packet_id'])
    const direction = row['frame.interface_name'] === 'left' ? 'ab' : 'ba'
    const packet = direction === 'ab' ? id : id - 2 * 2 ** 40
    const text = `dropped: wire ${direction}, stage 1 loss 5% (seed 7, packet ${packet})`
    expect(row['frame.comment']).toBe(direction === 'ab' ? text : `${text}, id ${id}`)
  }
  const counted = finalWires(await vnet.ended).reduce((sum, stage) => sum + stage.dropped, 0)
  expect(dropped.length).toBe(counted)
})

test('a packet has the same id at both ends, and with delay 10ms its two times differ by exactly that', async () => {
  const vnet = await cable(startVnet, '--wire', 'delay 10ms', '--capture', file())
  await pingWithoutLoss(left, '-c 50 -i 0.002 198.18.0.2')
  await stopConserved(vnet)
  const times = (rows: ReturnType<typeof rowsOf>) =>
    new Map(
      rows.map(row => [row['frame.packet_id'], BigInt(row['frame.time_epoch'].replace('.', ''))]),
    )
  const passed = passedRows()
  const [sent, arrived] = [times(passed.sent), times(passed.arrived)]
  expect([sent.size, arrived.size]).toEqual([100, 100])
  for (const [id, time] of sent) {
    expect((arrived.get(id) ?? 0n) - time).toBe(10_000_000n)
  }
})

test('a duplicate arrives with the id of its original', async () => {
  const vnet = await cable(startVnet, '--wire-ab', 'duplicate 100%', '--capture', file())
  await ping(10)
  await stopConserved(vnet)
  const requests = passedRows(' && icmp.type == 8')
  const sent = idsOf(requests.sent)
  expect(sent.length).toBe(10)
  expect(idsOf(requests.arrived)).toEqual(sent.flatMap(id => [id, id]))
})

test('a capture shows a frame that a device dropped on receive, with the kernel’s reason', async () => {
  const ends = [`${left.name}/sn0`, `${left.name}/sn1`]
  const vnet = await startVnet([
    'snull',
    ...ends,
    '--json',
    '--drop',
    'RX_CRC=3',
    '--capture',
    file(),
  ])
  await ping(9)
  const statistics = await stopConserved(vnet)
  const counted = Object.values(statistics).reduce(
    (sum, { drops }) => sum + (drops.rx.RX_CRC ?? 0),
    0,
  )
  const dropped = droppedRows()
  expect(counted).toBeGreaterThan(0)
  const one = { 'frame.comment': 'dropped: RX_CRC', 'frame.packet_flags_direction': '0x00000001' }
  expect(dropped).toEqual(new Array(counted).fill(expect.objectContaining(one)))
})

describe('every reader', () => {
  /** Has tshark, capinfos, tcpdump and editcap read a file, and returns the packets of tshark. */
  function readByAll(path: string): number {
    readCapture('capinfos', path)
    const packets = readCapture('tshark', '-n', '-r', path).split('\n').length - 1
    const copy = file('copy')
    // editcap 4.0 writes verdicts as another option, so its pcapng is not read here.
    readCapture('editcap', '-F', 'pcapng', path, copy)
    readCapture('editcap', '-F', 'nsecpcap', path, copy)
    expect(readCapture('tshark', '-n', '-r', copy).split('\n').length - 1).toBe(packets)
    rmSync(copy)
    const printed = readCapture(
      'sh',
      '-c',
      `tcpdump -n -r ${path} 2>&1 >/dev/null | grep -v '^reading from file' >&2; true`,
    )
    expect(printed).toBe('')
    return packets
  }

  /** Sends a megabyte by TCP, in frames of many segments. */
  async function transfer(): Promise<void> {
    const listener = right.spawn('iperf3 -s -1 --forceflush -B 198.18.0.2')
    await lines(listener).until(/Server listening/)
    expect(await left.run('iperf3 -c 198.18.0.2 -n 1M')).toMatchObject({ status: 0 })
  }

  test('every reader reads a capture with drops, keys and frames of many segments', async () => {
    writeFileSync(file('keys'), `CLIENT_RANDOM ${'ab'.repeat(32)} ${'cd'.repeat(48)}\n`)
    const vnet = await cable(startVnet, '--capture', file(), '--tls-keys', file('keys'))
    await transfer()
    await ping(5)
    await vnet.stop()
    readByAll(file())
    const longest = packetFields(file(), ['frame.len']).reduce(
      (most, row) => Math.max(most, Number(row['frame.len'])),
      0,
    )
    expect(longest).toBeGreaterThan(1514)
  })

  test('every reader reads a capture of cut frames', async () => {
    const vnet = await cable(startVnet, '--wire', 'loss 1%', '--capture', file(), '--snaplen', '60')
    await transfer()
    await vnet.stop()
    expect(readByAll(file())).toBeGreaterThan(500)
  })

  test('every reader reads each file of a ring', async () => {
    const vnet = await cable(startVnet, '--capture', file(), '--ring', '4x64kB')
    await ping(200, '-i 0.002 -s 1000')
    await vnet.stop()
    const files = readdirSync(directory)
    expect(files.length).toBe(4)
    for (const name of files) {
      expect(readByAll(file(name))).toBeGreaterThan(0)
    }
  })

  test('every reader reads the capture of a killed vnet', async () => {
    const vnet = await cable(spawnVnet, '--capture', file())
    const watcher = watch(file())
    const written = new Promise<void>(resolve => {
      watcher.on('change', () => statSync(file()).size > 2000 && resolve())
    })
    await ping(20)
    await written
    watcher.close()
    expect((await vnet.stop('SIGKILL')).status).toBe(137)
    expect(readByAll(file())).toBeGreaterThan(0)
  })
})
