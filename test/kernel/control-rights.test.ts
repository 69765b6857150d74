/** Who may ask a running vnet for what, by the credentials that the kernel vouches for; events; and memory of other processes. */
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { eventPolicy } from '../../src/control/family.ts'
import { serveControl } from '../../src/control/index.ts'
import { EAGAIN } from '../../src/core/errno.ts'
import type { UserData } from '../../src/core/user-data.ts'
import { check } from '../../src/kernel/errno.ts'
import type { Native } from '../../src/kernel/native.ts'
import { AF_NETLINK, MSG_DONTWAIT, NETLINK_USERSOCK, SOCK_RAW, sockaddrNl } from '../../src/kernel/uapi.ts'
import {
  decodeAttributes,
  genlmsghdr,
  MessageBuilder,
  messages,
  NLM_F_REQUEST,
  NLMSG_OVERRUN,
  parseGenl,
} from '../../src/netlink/index.ts'
import { addDevice, memoryNets } from '../support/memory-net.ts'
import { type Netns, OwnNetns, outcome } from '../support/netns.ts'
import { asNobodyIn, NOBODY } from '../support/privileges.ts'
import { jsonLines, spawnVnet, stopConserved } from '../support/vnet-process.ts'

const VNET_PORT = 0x766e6574
const FAMILY = 0x3f0
const EVENTS_GROUP = 22
const [RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM] = [4, 5, 6, 7] as const
const memoryNet = memoryNets()
const client = fileURLToPath(new URL('../support/genl-ask.py', import.meta.url))

let own: OwnNetns
let netns: Netns
let native: Native
let directory: string
let ends: Disposable[]

beforeEach(() => {
  own = new OwnNetns()
  netns = own.addQuiet()
  native = own.at(netns)
  directory = mkdtempSync(join(tmpdir(), 'vnet-rights-'))
  ends = []
})
afterEach(() => {
  for (const end of ends) end[Symbol.dispose]()
  own.remove()
  rmSync(directory, { recursive: true })
})

const text = (octets: string) => Buffer.from(`${octets}\0`).toString('hex')
const named = (cmd: number, ifname: string, ...rest: string[]) => [cmd, `2=${text(ifname)}`, ...rest].join(':')
const root = () => []
const nobody = () => asNobodyIn(netns)

/** What a program of some user is answered, in the namespace. */
async function ask(user: () => string[], ...requests: string[]): Promise<Record<string, unknown>[]> {
  const { stdout, stderr } = await netns.run([...user(), 'python3', client, `${VNET_PORT}`, ...requests].join(' '))
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
    expect((await ask(nobody, ...requests)).map(({ error }) => error)).toEqual([0, -1, -1])
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

test('the user that the program runs as is an owner', async () => {
  const geteuid = vi.spyOn(process, 'geteuid').mockReturnValue(NOBODY)
  await serve()
  geteuid.mockRestore()
  expect(await ask(nobody, named(RESET_STATS, 'one'))).toEqual([{ error: 0 }])
})

describe('memory of a process', () => {
  test('is read and written where its ioctl points, for its own user and for root', async () => {
    await serve()
    const own = { result: 0, data: '08' }
    for (const user of [root, nobody]) expect(await ask(user, 'IOCTL=one,0,07')).toEqual([own])
  })

  /** A process of some user that has 07 in its memory; what `does` gets is where, and what is answered is what it has there at its end. */
  async function held(user: () => string[], does: (where: string) => Promise<void>): Promise<unknown> {
    const child = netns.spawn([...user(), 'python3', client, 'hold', '07'].join(' '))
    const [[line], ended] = [await once(child.stdout, 'data'), outcome(child)]
    const { pid, address } = JSON.parse(String(line))
    await does(`IOCTL=one,0,00,${pid},${address}`)
    child.stdin.end()
    return JSON.parse((await ended).stdout)
  }
  const result = async (user: () => string[], request: string) => (await ask(user, request))[0]!.result

  test('of another user is there for root alone', async () => {
    await serve()
    const data = await held(root, async where => {
      expect([await result(nobody, where), await result(root, where)]).toEqual([-14, 0])
    })
    expect(data).toEqual({ data: '08' })
    // Nor is that of a process that is not there, for anyone.
    expect(await ask(root, 'IOCTL=one,0,07,4194305')).toEqual([{ result: -14, data: '07' }])
  })

  test('of another process of the same user is there', async () => {
    await serve()
    const data = await held(nobody, async where => expect(await result(nobody, where)).toBe(0))
    expect(data).toEqual({ data: '08' })
  })
})

describe('events', () => {
  /** A socket that hears of them, and what it heard so far. */
  function listener(groups = 0) {
    const fd = own.own(check(native.socket(AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK, -1), 'socket'))
    check(native.bind(fd, sockaddrNl(0, groups)), 'bind')
    const [into, meta] = [new Uint8Array(4096), new Int32Array(3)]
    function heard(): unknown[] {
      const events = []
      for (;;) {
        const length = native.recvmsg(fd, into, MSG_DONTWAIT, meta)
        if (length === -EAGAIN) return events
        check(length, 'recvmsg')
        for (const message of messages(into, 0, length)) {
          expect([FAMILY, NLMSG_OVERRUN]).toContain(message.type)
          expect(meta[0]! >>> 0).toBe(VNET_PORT)
          if (message.type === NLMSG_OVERRUN) {
            events.push('lost')
            continue
          }
          const { offset, length } = parseGenl(into, message)
          const { event, ifname } = decodeAttributes(eventPolicy, into, offset, length)
          events.push([event, ifname])
        }
      }
    }
    function subscribe(): void {
      const builder = new MessageBuilder().message(FAMILY, NLM_F_REQUEST, 1).payload(genlmsghdr(10, 1))
      check(native.sendto(fd, builder.bytes, 0, sockaddrNl(VNET_PORT)), 'sendto')
    }
    return { fd, heard, subscribe }
  }

  test('come to the members of the group, and to who subscribed; each once', async () => {
    const { port } = await serve()
    const [group, subscriber] = [listener((1 << (EVENTS_GROUP - 1)) >>> 0), listener()]
    subscriber.subscribe()
    // Answered behind it, so it is heard by then.
    await ask(root, named(2, 'one'))
    port.change({ kind: 'down' })
    port.change({ kind: 'up' })
    const life = [
      [4, 'one'],
      [3, 'one'],
    ]
    expect([group.heard(), subscriber.heard()]).toEqual([life, life])
  })

  test('the group is closed to those who are not root, by the kernel', async () => {
    await serve()
    expect(await ask(nobody, `GROUP=${EVENTS_GROUP}`)).toEqual([{ error: -1 }])
    expect(await ask(root, `GROUP=${EVENTS_GROUP}`)).toEqual([{ error: 0 }])
  })

  test('one who does not read is told, when it does again, that it lost some, and is a subscriber still', async () => {
    const { port } = await serve()
    const deaf = listener()
    deaf.subscribe()
    await ask(root, named(2, 'one'))
    for (let i = 0; i < 2000; i++) port.change({ kind: i % 2 === 0 ? 'down' : 'up' })
    const before = deaf.heard().length
    expect(before).toBeLessThan(2000)
    port.change({ kind: 'down' })
    port.change({ kind: 'up' })
    expect(deaf.heard()).toEqual(['lost', [4, 'one'], [3, 'one']])
  })
})

describe('the program', () => {
  test('has its parameters set while it runs, and its statistics reset: the kernel’s begin anew with them', async () => {
    const vnet = await spawnVnet(['snull', '--timeout', '50', '--json'], {
      within: ['ip', 'netns', 'exec', netns.name],
    })
    expect(await netns.run('ping -c 2 -i 0.2 -w 5 198.18.0.2')).toMatchObject({ status: 0 })
    const lockup = `15=${text('lockup')}`
    const one = { error: 0, 16: text('1') }
    expect(await ask(nobody, `${SET_PARAM}:${lockup}:16=${text('1')}`)).toEqual([{ error: -1 }])
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
