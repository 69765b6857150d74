/** `vnet extcap` as Wireshark uses it, with the real tshark. */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, createReadStream, existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { asNobodyIn } from '#support/privileges.ts'
import { startMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { packetFields, readCapture, startTshark } from '#support/tshark.ts'
import { PROGRAM, type Running, spawnVnet } from '#support/vnet-process.ts'

const { left, right, directory } = freshQuietNamespaces('left', 'right')
beforeEach(() => {
  chmodSync(directory, 0o777)
})

const path = (name: string) => join(directory, name)

/**
 * Starts a cable between the namespaces. Its ends have each other's MAC addresses, so no packet is
 * ARP.
 */
async function cable(...args: string[]): Promise<Running> {
  const addresses = ['--address', 'left=198.18.0.1/24', '--address', 'right=198.18.0.2/24']
  const vnet = await spawnVnet([
    'cable',
    `${left.name}/left`,
    `${right.name}/right`,
    '--json',
    ...addresses,
    ...args,
  ])
  const [a, b] = vnet.interfaces()
  left.ip(`neigh add 198.18.0.2 lladdr ${b!.mac} dev left`)
  right.ip(`neigh add 198.18.0.1 lladdr ${a!.mac} dev right`)
  return vnet
}

/** Sends echo requests; replies may be lost. */
const ping = (count: number) => left.run(`ping -q -c ${count} -i 0.01 -W 1 198.18.0.2`)
const pingAll = (count: number) => pingWithoutLoss(left, `-c ${count} -i 0.01 198.18.0.2`)
/** The lines of `tshark -D` about vnet, without their numbers. */
const linesOf = (list: string) =>
  [...list.matchAll(/^\d+\. (vnet.*)$/gm)].map(([, line]) => line as string)

function run([command, ...args]: string[]): string {
  return execFileSync(command as string, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

describe('tshark run by root', () => {
  /** Runs a program with the test's folder as its extcap folder. */
  let within: string[]
  let folder: string | undefined
  beforeAll(() => {
    const folders = readCapture('tshark', '-G', 'folders')
    folder = /^(?:Global )?Extcap path:\s*(.*)$/im.exec(folders)?.[1]
  })
  beforeEach(() => {
    within = ['unshare', '-m', 'sh', '-c', `mount --bind ${directory} ${folder} && exec "$@"`, 'sh']
    run([...within, process.execPath, PROGRAM, 'extcap', '--install'])
  })
  const name = () => left.name

  test('tshark lists the interfaces of running vnets, until they end or vnet is uninstalled', async () => {
    const vnet = await cable()
    const list = () => linesOf(run([...within, 'tshark', '-D']))
    expect(list()).toEqual(
      expect.arrayContaining([
        `vnet-${name()}:left (vnet: left (cable, in ${name()}))`,
        `vnet-${right.name}:right (vnet: right (cable, in ${right.name}))`,
        'vnet (vnet: all interfaces)',
      ]),
    )
    await vnet.stop()
    expect(list().filter(line => line.includes(name()))).toEqual([])
    run([...within, process.execPath, PROGRAM, 'extcap', '--uninstall'])
    expect([list(), existsSync(path('vnet'))]).toEqual([[], false])
  })

  test('tshark captures one interface, with its drops and why', async () => {
    await cable('--wire', 'loss 50%', '--seed', '7')
    const file = path('a.pcapng')
    const tshark = startTshark(within, '-i', `vnet-${name()}:left`, '-c', '10', '-w', file)
    await tshark.started
    await ping(10)
    expect(await tshark.ended).toEqual({ status: 0, complaint: '' })
    const packets = packetFields(file, ['frame.interface_name', 'frame.comment', 'frame.packet_id'])
    expect(new Set(packets.map(packet => packet['frame.interface_name']))).toEqual(
      new Set(['left']),
    )
    const dropped = packets.filter(packet => packet['frame.comment'] !== '')
    expect(dropped.length).toBeGreaterThan(0)
    for (const packet of dropped) {
      const id = packet['frame.packet_id']
      expect(packet['frame.comment']).toBe(
        `dropped: wire ab, stage 1 loss 50% (seed 7, packet ${id})`,
      )
    }
  })

  test('tshark passes its filter on, and shows why a filter is wrong', async () => {
    await cable()
    const file = path('a.pcapng')
    const start = (filter: string) =>
      startTshark(within, '-i', `vnet-${name()}:left`, '-f', filter, '-c', '5', '-w', file)
    const tshark = start('icmp[icmptype] == icmp-echoreply')
    await tshark.started
    await pingAll(5)
    await tshark.ended
    const types = packetFields(file, ['icmp.type']).map(packet => packet['icmp.type'])
    expect(types).toEqual(['0', '0', '0', '0', '0'])
    const { complaint } = await start('icmpp').ended
    expect(complaint).toContain("vnet: filter 'icmpp': syntax error")
  })

  test('tshark captures drops only, and the first bytes of frames, where its settings say so', async () => {
    await cable('--wire', 'loss 50%', '--seed', '7')
    const file = path('a.pcapng')
    const interfaceName = `vnet-${name()}:left`
    const key = interfaceName.toLowerCase().replace(/\W/g, '_')
    const settings = [`extcap.${key}.drops:true`, `extcap.${key}.snaplen:60`].flatMap(setting => [
      '-o',
      setting,
    ])
    const tshark = startTshark(within, '-i', interfaceName, ...settings, '-c', '2', '-w', file)
    await tshark.started
    await ping(10)
    await tshark.ended
    const packets = packetFields(file, ['frame.verdict', 'frame.cap_len', 'frame.len'])
    expect(packets.length).toBeGreaterThan(0)
    for (const packet of packets) {
      expect(packet).toMatchObject({ 'frame.cap_len': '60', 'frame.len': '98' })
    }
  })
})

describe('tshark run by another user', () => {
  const nobody = () => [
    ...asNobodyIn(left),
    'env',
    `HOME=${directory}`,
    `WIRESHARK_EXTCAP_DIR=${directory}`,
  ]

  beforeEach(() => {
    run([...nobody(), process.execPath, PROGRAM, 'extcap', '--install'])
  })

  test('a user lists the interfaces of root’s vnets, and learns how to get the right to capture', async () => {
    await cable()
    expect(linesOf(run([...nobody(), 'tshark', '-D']))).toContain(
      `vnet-${left.name}:left (vnet: left (cable, in ${left.name}))`,
    )
    const { status, complaint } = await startTshark(
      nobody(),
      '-i',
      `vnet-${left.name}:left`,
      '-w',
      path('a.pcapng'),
    ).ended
    expect(status).not.toBe(0)
    expect(complaint).toMatch(
      /vnet: .*left: operation not permitted; only root .* start the vnet with --capture-group/,
    )
  })

  test('a member of the capture group captures, by the interface that stands for all too', async () => {
    await cable('--capture-group', '4242')
    const member = nobody().map(word => (word === '--clear-groups' ? '--groups=4242' : word))
    for (const value of [`vnet-${left.name}:left`, 'vnet']) {
      const file = path('a.pcapng')
      const tshark = startTshark(member, '-i', value, '-c', '6', '-w', file)
      await tshark.started
      await pingAll(3)
      expect(await tshark.ended).toEqual({ status: 0, complaint: '' })
      const packets = packetFields(file, ['icmp.type', 'frame.interface_name'])
      expect(packets.length).toBe(6)
    }
  })
})

describe('a capture into a FIFO', () => {
  let fifo: string
  beforeEach(() => {
    fifo = path('fifo')
    execFileSync('mkfifo', [fifo])
  })
  const capture = (value: string, ...args: string[]) =>
    startMain('extcap', '--capture', '--extcap-interface', value, '--fifo', fifo, ...args)

  test('SIGTERM ends a capture into a FIFO with a whole file, which has the statistics of each interface', async () => {
    await cable()
    const command = capture(`vnet-${left.name}:left`)
    const stream = createReadStream(fifo)
    const read = buffer(stream)
    // The head of the file: the vnet captures.
    await new Promise(resolve => stream.once('data', resolve))
    await pingAll(3)
    expect(await command.end({ signal: 'SIGTERM' })).toEqual({ status: 0, stdout: '', stderr: '' })
    writeFileSync(path('a.pcapng'), await read)
    expect(packetFields(path('a.pcapng'), ['icmp.seq']).length).toBe(6)
    expect(
      readCapture('capinfos', path('a.pcapng')).match(/Number of stat entries = 1/g)?.length,
    ).toBe(2)
  })

  test('a reader that goes ends it, also while no frame passes', async () => {
    await cable()
    const command = capture(`vnet-${left.name}:left`)
    // It reads the beginning and ends.
    const reader = once(spawn('head', ['-c', '28', fifo], { stdio: 'ignore' }), 'exit')
    expect(await command.ended).toEqual({ status: 0, stdout: '', stderr: '' })
    expect(await reader).toEqual([0, null])
  })

  test('the end of its vnet ends it, with a whole file', async () => {
    const vnet = await cable()
    const command = capture(`vnet-${left.name}:left`)
    const stream = createReadStream(fifo)
    const read = buffer(stream)
    await new Promise(resolve => stream.once('data', resolve))
    await pingAll(3)
    await vnet.stop()
    expect(await command.ended).toEqual({ status: 0, stdout: '', stderr: '' })
    writeFileSync(path('a.pcapng'), await read)
    expect(packetFields(path('a.pcapng'), ['icmp.seq']).length).toBe(6)
  })
})
