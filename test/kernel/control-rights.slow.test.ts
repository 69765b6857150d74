/** The rights of clients, by the credentials that the kernel vouches for. */
import { chmodSync, fstatSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe, expect, test } from 'vitest'
import type { DeviceStatistics } from '#src/cli/statistics.ts'
import { serveControl } from '#src/control/index.ts'
import { type Entry, ownNamespace, readDirectories } from '#src/control/sockets/directory.ts'
import { namedDirectory, RUN_DIRECTORY } from '#src/control/sockets/run-directory.ts'
import { loadNative } from '#src/linux/native.ts'
import type { UserData } from '#src/netdev/ops.ts'
import { endedAfterEach } from '#support/ends.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { addDevice, memoryNets } from '#support/memory-net.ts'
import { asNobodyIn, NOBODY } from '#support/privileges.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { runCommand } from '#support/vnet-commands.ts'
import {
  jsonLines,
  PROGRAM,
  spawnVnet,
  stopConserved,
  withoutOtherUsers,
} from '#support/vnet-process.ts'

const native = loadNative()
const [RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM] = [4, 5, 6, 7] as const
const memoryNet = memoryNets()
const client = fileURLToPath(new URL('../support/genl-ask.py', import.meta.url))

const { netns, directory } = freshQuietNamespaces('netns')
const ends = endedAfterEach<Disposable>()

beforeEach(() => chmodSync(directory, 0o755))

const text = (value: string) => Buffer.from(`${value}\0`).toString('hex')
const named = (cmd: number, ifname: string, ...rest: string[]) =>
  [cmd, `2=${text(ifname)}`, ...rest].join(':')
const root = () => []
const nobody = () => asNobodyIn(netns)

/** Returns the replies to `requests` of a client that runs as `user`. */
async function ask(
  user: () => string[],
  ...requests: string[]
): Promise<Record<string, unknown>[]> {
  // The vnet of this test: served in `directory`, or a program in the namespace of this test.
  const all = [directory, RUN_DIRECTORY].flatMap(path => readDirectories(namedDirectory(path)))
  const { ino } = fstatSync(netns.fd)
  // Files of ended vnets in other pid namespaces remain, and the inode may have been theirs before.
  const pidns = ownNamespace('pid')
  const isOurs = (entry: Entry) =>
    entry.vnet.startsWith(directory) || (entry.netns === ino && entry.pidns === pidns)
  const { vnet } = all.find(isOurs) as Entry
  const { stdout, stderr } = await netns.run(
    [...user(), 'python3', client, vnet, ...requests].join(' '),
  )
  expect(stderr).toBe('')
  return jsonLines(stdout)
}

async function serve(options: { owner?: number } = {}) {
  const memory = memoryNet()
  ends.push(serveControl(native, memory.net, { ...options, directory }))
  return { ...memory, ...(await addDevice(memory, { ndoSiocdevprivate: addOne }, { name: 'one' })) }
}

/** SIOCDEVPRIVATE + 0 adds one to the byte at ifr_data. */
function addOne(_dev: unknown, _ifr: Uint8Array, data: UserData): void {
  const [first] = data.read(1)
  data.write(Uint8Array.of(first! + 1))
}

describe('rights', () => {
  test('every user may read, root may change, and a change by another user is EPERM', async () => {
    const { dev } = await serve()
    const requests = [
      named(2, 'one'),
      named(RESET_STATS, 'one'),
      named(SET_CARRIER, 'one', '21=00'),
    ]
    const replies = await ask(nobody, ...requests)
    expect(replies.map(({ error }) => error)).toEqual([0, -1, -1])
    expect(replies[1]?.text).toBe(`only root may do this: you are user ${NOBODY}`)
    expect(dev.carrier).toBe(true)
    expect((await ask(root, ...requests)).map(({ error }) => error)).toEqual([0, 0, 0])
    expect(dev.carrier).toBe(false)
  })

  test('the owner may make the same changes as root', async () => {
    const { dev } = await serve({ owner: NOBODY })
    expect(await ask(nobody, named(SET_CARRIER, 'one', '21=00'))).toEqual([{ error: 0 }])
    expect(dev.carrier).toBe(false)
  })
})

test('an ioctl reads and writes the request’s data, for root and for an ordinary user', async () => {
  await serve()
  for (const user of [root, nobody]) {
    expect(await ask(user, 'IOCTL=one,0,07')).toEqual([{ result: 0, data: '08' }])
  }
})

describe('the program', () => {
  test('root changes a parameter of a running vnet, and a reset sets its statistics and the kernel’s to 0', async () => {
    const vnet = await spawnVnet(['snull', '--timeout', '50', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    })
    await pingWithoutLoss(netns, '-c 2 -i 0.02 198.18.0.2')
    const lockup = `15=${text('lockup')}`
    const one = { error: 0, 16: text('1') }
    expect(await ask(nobody, `${SET_PARAM}:${lockup}:16=${text('1')}`)).toMatchObject([
      { error: -1 },
    ])
    expect(
      await ask(root, `${SET_PARAM}:${lockup}:16=${text('1')}`, `${GET_PARAM}:${lockup}`),
    ).toMatchObject([{ error: 0 }, one])
    // From now on every frame leads to a timeout, which comes after the frame has arrived.
    await pingWithoutLoss(netns, '-c 2 -i 0.02 198.18.0.2')
    const timeouts = async () => {
      const [line] = jsonLines((await runCommand(netns, ['stats', '--json'])).stdout)
      return (line!.interfaces as DeviceStatistics[]).map(({ total }) => total.txTimeouts)
    }
    await expect.poll(timeouts).toEqual([2, 2])
    await ask(
      root,
      `${SET_PARAM}:${lockup}:16=${text('0')}`,
      named(RESET_STATS, 'sn0'),
      named(RESET_STATS, 'sn1'),
    )
    await pingWithoutLoss(netns, '-c 3 -i 0.02 198.18.0.2')
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total, kernel } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 3, rxPackets: 3, txErrors: 0, txTimeouts: 0 })
      expect(kernel).toMatchObject({
        txPackets: total.txPackets,
        txBytes: total.txBytes,
        rxBytes: total.rxBytes,
      })
    }
  })

  test('vnet list as root of another user namespace reports why it shows no vnet', async () => {
    const vnet = await spawnVnet(['loop', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    })
    // A user who runs no lab in another test.
    const user = asNobodyIn(netns, 1_000_000 + process.pid)
    const list = [...user, 'unshare', '-Ur', process.execPath, PROGRAM, 'list']
    const { status, stderr } = await netns.run(list.join(' '))
    const why = '/run/vnet belongs to a user outside of this user namespace'
    const line = `no vnet is running in this network namespace; the vnets in /run/vnet are not shown: ${why}`
    expect([status, withoutOtherUsers(stderr)]).toEqual([1, `vnet: ${line}\n`])
    await stopConserved(vnet)
  })

  test('the user of --user may change a vnet', async () => {
    const within = ['ip', 'netns', 'exec', netns.name]
    const vnet = await spawnVnet(['loop', '--persist', '--user', `${NOBODY}`, '--json'], { within })
    expect(await ask(nobody, named(RESET_STATS, 'vnet0'))).toEqual([{ error: 0 }])
    await stopConserved(vnet)
  })
})
