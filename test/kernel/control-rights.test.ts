/** Who may ask a running vnet for what, by the credentials that the kernel vouches for. */
import { chmodSync, fstatSync, mkdtempSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Entry, readDirectories } from '../../src/control/directory.ts'
import { serveControl } from '../../src/control/index.ts'
import { namedDirectory, RUN_DIRECTORY } from '../../src/control/run-directory.ts'
import type { UserData } from '../../src/core/user-data.ts'
import { loadNative } from '../../src/kernel/native.ts'
import { addDevice, memoryNets } from '../support/memory-net.ts'
import { type Netns, OwnNetns } from '../support/netns.ts'
import { asNobodyIn, NOBODY } from '../support/privileges.ts'
import { jsonLines, spawnVnet, stopConserved } from '../support/vnet-process.ts'

const native = loadNative()
const [RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM] = [4, 5, 6, 7] as const
const memoryNet = memoryNets()
const client = fileURLToPath(new URL('../support/genl-ask.py', import.meta.url))

let own: OwnNetns
let netns: Netns
let directory: string
let ends: Disposable[]

beforeEach(() => {
  own = new OwnNetns()
  netns = own.addQuiet()
  directory = mkdtempSync('/run/vnet-rights-')
  chmodSync(directory, 0o755)
  ends = []
})
afterEach(() => {
  for (const end of ends) end[Symbol.dispose]()
  own.remove()
  rmSync(directory, { recursive: true, force: true })
})

const text = (octets: string) => Buffer.from(`${octets}\0`).toString('hex')
const named = (cmd: number, ifname: string, ...rest: string[]) => [cmd, `2=${text(ifname)}`, ...rest].join(':')
const root = () => []
const nobody = () => asNobodyIn(netns)

/** What a program of some user is answered. */
async function ask(user: () => string[], ...requests: string[]): Promise<Record<string, unknown>[]> {
  // The vnet that was started here, wherever its file is.
  const all = [directory, RUN_DIRECTORY].flatMap(path => readDirectories(namedDirectory(path)))
  const { ino } = fstatSync(netns.fd)
  const { vnet } = all.find(entry => entry.vnet.startsWith(directory) || entry.netns === ino) as Entry
  const { stdout, stderr } = await netns.run([...user(), 'python3', client, vnet, ...requests].join(' '))
  expect(stderr).toBe('')
  return jsonLines(stdout)
}

async function serve(options: { owner?: number } = {}) {
  const memory = memoryNet()
  ends.push(serveControl(native, memory.net, { ...options, directory }))
  return { ...memory, ...(await addDevice(memory, { ndoSiocdevprivate: addOne }, { name: 'one' })) }
}

/** + 0 adds one to the octet at ifr_data. */
function addOne(_dev: unknown, _ifr: Uint8Array, data: UserData): void {
  const [first] = data.read(1)
  data.write(Uint8Array.of(first! + 1))
}

describe('rights', () => {
  test('everyone may read; root may change, and who is neither root nor the owner is refused', async () => {
    const { dev } = await serve()
    const requests = [named(2, 'one'), named(RESET_STATS, 'one'), named(SET_CARRIER, 'one', '21=00')]
    const answers = await ask(nobody, ...requests)
    expect(answers.map(({ error }) => error)).toEqual([0, -1, -1])
    expect(answers[1]?.text).toBe(`that is for root: you are user ${NOBODY}`)
    expect(dev.carrier).toBe(true)
    expect((await ask(root, ...requests)).map(({ error }) => error)).toEqual([0, 0, 0])
    expect(dev.carrier).toBe(false)
  })

  test('the owner may change what root may', async () => {
    const { dev } = await serve({ owner: NOBODY })
    expect(await ask(nobody, named(SET_CARRIER, 'one', '21=00'))).toEqual([{ error: 0 }])
    expect(dev.carrier).toBe(false)
  })
})

test('an ioctl reads and writes what came with the request, and the driver says who may', async () => {
  await serve()
  for (const user of [root, nobody]) expect(await ask(user, 'IOCTL=one,0,07')).toEqual([{ result: 0, data: '08' }])
})

describe('the program', () => {
  test('has its parameters set while it runs, and its statistics reset: the kernel’s begin anew with them', async () => {
    const vnet = await spawnVnet(['snull', '--timeout', '50', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    })
    expect(await netns.run('ping -c 2 -i 0.2 -w 5 198.18.0.2')).toMatchObject({ status: 0 })
    const lockup = `15=${text('lockup')}`
    const one = { error: 0, 16: text('1') }
    expect(await ask(nobody, `${SET_PARAM}:${lockup}:16=${text('1')}`)).toMatchObject([{ error: -1 }])
    expect(await ask(root, `${SET_PARAM}:${lockup}:16=${text('1')}`, `${GET_PARAM}:${lockup}`)).toMatchObject([
      { error: 0 },
      one,
    ])
    // Each frame is followed by a timeout from now on.
    expect(await netns.run('ping -c 2 -i 0.2 -w 5 198.18.0.2')).toMatchObject({ status: 0 })
    await ask(root, `${SET_PARAM}:${lockup}:16=${text('0')}`, named(RESET_STATS, 'sn0'), named(RESET_STATS, 'sn1'))
    expect(await netns.run('ping -c 3 -i 0.2 -w 5 198.18.0.2')).toMatchObject({ status: 0 })
    const { sn0, sn1 } = await stopConserved(vnet)
    for (const { total, kernel } of [sn0!, sn1!]) {
      expect(total).toMatchObject({ txPackets: 3, rxPackets: 3, txErrors: 0, txTimeouts: 0 })
      expect(kernel).toMatchObject({ txPackets: total.txPackets, txBytes: total.txBytes, rxBytes: total.rxBytes })
    }
  })

  test('may be changed by the user of --user', async () => {
    const within = ['ip', 'netns', 'exec', netns.name]
    const vnet = await spawnVnet(['loop', '--persist', '--user', `${NOBODY}`, '--json'], { within })
    expect(await ask(nobody, named(RESET_STATS, 'vnet0'))).toEqual([{ error: 0 }])
    await stopConserved(vnet)
  })
})
