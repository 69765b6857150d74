/** What vnet_nl does to a device and its driver, and what it refuses: the answers to one datagram, without sockets. */
import { describe, expect, test } from 'vitest'
import { echoAnswer, ioctlAnswer, paramAnswer, VNET_GENL_ID } from '../../src/control/family.ts'
import { vnetFamily } from '../../src/control/vnet-family.ts'
import { bool, defaultParams, int } from '../../src/core/driver.ts'
import type { NetDevice } from '../../src/core/net-device.ts'
import { TX_PACKETS } from '../../src/core/stats.ts'
import type { UserData } from '../../src/core/user-data.ts'
import { driver } from '../../src/drivers/snull.ts'
import { binary, type MessageBuilder, NLM_F_ACK, NLM_F_DUMP, policy } from '../../src/netlink/index.ts'
import { type AskOptions, ask, read, request } from '../support/genl-request.ts'
import { addDevice, addDriver, memoryNets, numbered, turn } from '../support/memory-net.ts'
import { flowFrame } from '../support/snull-pair.ts'
import { ifreqTo } from '../support/user-memory.ts'

const [ECHO, RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM, TRIGGER, IOCTL] = [1, 4, 5, 6, 7, 8, 9] as const
const memoryNet = memoryNets()
/** What one lacks who may change nothing. */
const missing = 'that is for root'

/** snull, and a device beside it that is of no driver. */
async function served() {
  const memory = memoryNet()
  const params = { ...defaultParams(driver.params), timeout: 50 }
  const { devices, ports } = await addDriver(memory, driver, params)
  const values = (devices[0]!.priv as { params: Record<string, unknown> }).params
  const other = await addDevice(memory, {}, { name: 'other' })
  const module = { name: 'snull', params: driver.params, values }
  const vnet = vnetFamily({ devices: memory.net.devices, netnsOf: () => undefined, module })
  const families = new Map([[VNET_GENL_ID, vnet]])
  function perform(cmd: number, write: (b: MessageBuilder) => unknown, options: AskOptions & { flags?: number } = {}) {
    const by = cmd === GET_PARAM ? paramAnswer : cmd === IOCTL ? ioctlAnswer : echoAnswer
    return read(ask(families, request(VNET_GENL_ID, cmd, { flags: NLM_F_ACK, ...options, write }), options), by)
  }
  const [sn0, sn1] = devices as [NetDevice, NetDevice]
  return { ...memory, sn0, sn1, port0: ports[0]!, port1: ports[1]!, other, values, families, perform }
}

const done = { answers: [], acks: [{ error: 0 }] }
const lacking = (missingType: number, message: string) => ({
  answers: [],
  acks: [{ error: -22, message, missingType }],
})
const refused = (error: number, message: string, offset?: number) => ({
  answers: [],
  acks: [{ error, message, ...(offset === undefined ? {} : { offset }) }],
})

describe('ECHO', () => {
  test.each(['hello vnet', '', 'grüße', 'x'.repeat(4000)])('gives %s back', async text => {
    const { perform } = await served()
    expect(perform(ECHO, b => b.string(1, text))).toEqual({ answers: [{ text }], acks: [{ error: 0 }] })
  })

  test('is octet for octet, also of what is no UTF-8, up to the first NUL, which it adds when there is none', async () => {
    const { families } = await served()
    const octets = policy({ text: binary(1) })
    const echo = (...text: number[]) =>
      read(
        ask(families, request(VNET_GENL_ID, ECHO, { write: b => b.binary(1, Uint8Array.from(text)) })),
        octets,
      ).answers.map(({ text }) => [...(text as Uint8Array)])
    expect(echo(0xff, 0xc3, 7)).toEqual([[0xff, 0xc3, 7, 0]])
    expect(echo(65, 0, 66)).toEqual([[65, 0]])
  })

  test('without a text, or with more than one, is refused', async () => {
    const { perform } = await served()
    expect(perform(ECHO, () => {})).toEqual(lacking(1, 'text: is missing'))
    expect(perform(ECHO, b => b.string(1, 'a').u32(2, 0))).toEqual(refused(-22, 'unknown attribute type 2', 28))
  })
})

describe('what changes something', () => {
  const requests: [string, number, (b: MessageBuilder) => unknown][] = [
    ['RESET_STATS', RESET_STATS, b => b.string(2, 'sn0')],
    ['SET_CARRIER', SET_CARRIER, b => b.string(2, 'sn0').u8(21, 0)],
    ['SET_PARAM', SET_PARAM, b => b.string(15, 'lockup').string(16, '9')],
    ['TRIGGER', TRIGGER, b => b.string(2, 'sn0').string(22, 'lockup')],
  ]

  test.each(requests)('%s is EPERM for one who may not, and done without a word for one who may', async (_, cmd, w) => {
    const { perform, values } = await served()
    const eperm = refused(-1, missing)
    expect([perform(cmd, w, { missing }), values.lockup]).toEqual([eperm, 0])
    expect(perform(cmd, w)).toEqual(done)
    expect(perform(cmd, w, { flags: 0 })).toEqual({ answers: [], acks: [] })
  })

  test.each([RESET_STATS, SET_CARRIER, TRIGGER])('command %s needs a device, and one that is there', async cmd => {
    const { perform } = await served()
    const rest = (b: MessageBuilder) =>
      cmd === SET_CARRIER ? b.u8(21, 0) : cmd === TRIGGER ? b.string(22, 'stuck') : b
    expect(perform(cmd, rest)).toEqual(lacking(1, 'the request names no interface'))
    expect(perform(cmd, b => rest(b.string(2, 'gone')))).toEqual(refused(-19, 'there is no such interface'))
  })

  test('RESET_STATS begins anew, of one device', async () => {
    const { perform, port0, sn0, sn1, conserved } = await served()
    port0.transmit(flowFrame(0, 1))
    await turn()
    expect(perform(RESET_STATS, b => b.u32(1, sn0.ifindex))).toEqual(done)
    expect([sn0.getStats64()[TX_PACKETS], sn0.hostStats()![TX_PACKETS], sn1.getStats64()[0]]).toEqual([0, 0, 1])
    conserved()
  })

  test('SET_CARRIER takes it and gives it again, and nothing else', async () => {
    const { perform, sn0, port0 } = await served()
    const set = (carrier: number) => perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, carrier))
    expect([set(0), sn0.carrier, port0.carrier]).toEqual([done, false, false])
    expect([set(1), sn0.carrier, port0.carrier]).toEqual([done, true, true])
    expect(set(2)).toEqual(refused(-22, 'carrier: 2 is not 0 or 1', 28))
    // The last of several counts, and is the one to blame.
    const twice = perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, 1).u8(21, 3))
    expect(twice).toEqual(refused(-22, 'carrier: 3 is not 0 or 1', 36))
  })

  test('TRIGGER has a fault happen, on a queue if it names one', async () => {
    const { perform, port0, sn0 } = await served()
    expect(perform(TRIGGER, b => b.string(2, 'sn0').string(22, 'lost-interrupt').u32(10, 0))).toEqual(done)
    port0.transmit(flowFrame(0, 1))
    await turn()
    expect(sn0.tx[0]!.stopped).toBe(true)
  })

  test('TRIGGER refuses a fault that a driver does not have, and a queue that a device does not have', async () => {
    const { perform, port0 } = await served()
    const trigger = (name: string, fault: string, queue = 0) =>
      perform(TRIGGER, b => b.string(2, name).string(22, fault).u32(10, queue))
    expect(trigger('sn0', 'fire')).toEqual(refused(-95, 'the driver of sn0 has no fault fire', 28))
    expect(trigger('other', 'stuck')).toEqual(refused(-95, 'the driver of other has no faults to trigger'))
    expect(trigger('sn0', 'stuck', 1)).toEqual(refused(-22, 'queue: sn0 has 1, counted from 0', 40))
    port0.change({ kind: 'down' })
    expect(trigger('sn0', 'stuck')).toEqual(refused(-100, 'sn0 is down'))
  })
})

describe('parameters', () => {
  test('are all in a dump, each with its type, value, and whether it can be set', async () => {
    const { perform, values } = await served()
    const { answers, acks } = perform(GET_PARAM, () => {}, { flags: NLM_F_DUMP, missing })
    expect(acks).toEqual([{ error: 0 }])
    expect(answers.map(({ paramName }) => paramName)).toEqual(Object.keys(values))
    const byName = new Map(answers.map(answer => [answer.paramName, answer]))
    expect(byName.get('lockup')).toEqual({
      ...{ driver: 'snull', paramName: 'lockup', paramValue: '0', paramType: 'int', paramLive: true },
      paramDescription: driver.params.lockup.description,
    })
    expect(byName.get('poolSize')).toMatchObject({ paramValue: '64', paramRange: '1 to 65536' })
    expect(byName.get('poolSize')).not.toHaveProperty('paramLive')
    expect(byName.get('useNapi')).toMatchObject({ paramValue: '0', paramType: 'bool' })
    expect(byName.get('drop')).toMatchObject({ paramValue: 'none', paramType: 'string', paramLive: true })
  })

  test('can be set while it runs if they are live, and are in force at once; their text is as on the command line', async () => {
    const { perform, values } = await served()
    const set = (name: string, value: string) => perform(SET_PARAM, b => b.string(15, name).string(16, value))
    const get = (name: string) => perform(GET_PARAM, b => b.string(15, name)).answers[0]!.paramValue
    expect([set('lockup', '0x10'), values.lockup, get('lockup')]).toEqual([done, 16, '16'])
    expect([set('drop', 'rx_crc=3'), values.drop]).toEqual([done, { reason: expect.any(Number), every: 3, rx: true }])
    expect([get('drop'), set('drop', 'none'), values.drop]).toEqual(['RX_CRC=3', done, undefined])
  })

  test('are refused with the text of the command line, and the place', async () => {
    const { perform, values } = await served()
    const set = (name: string, value: string) => perform(SET_PARAM, b => b.string(15, name).string(16, value))
    expect(set('lockup', 'often')).toEqual(refused(-22, "'often' is not a whole number of at least 0", 32))
    const stays = 'poolSize is given to snull when it starts, and stays as it is'
    expect(set('poolSize', '8')).toEqual(refused(-95, stays, 20))
    const [unknown] = set('toString', '8').acks
    expect(unknown).toMatchObject({ error: -2, offset: 20 })
    expect(unknown?.message).toMatch(/^snull has no parameter toString, only eth, /)
    expect([values.lockup, values.poolSize]).toEqual([0, 64])
  })

  test('are asked for by a device that must be there', async () => {
    const { perform } = await served()
    expect(perform(GET_PARAM, b => b.string(2, 'sn1').string(15, 'lockup')).answers).toMatchObject([
      { paramValue: '0' },
    ])
    expect(perform(GET_PARAM, b => b.string(2, 'gone'))).toEqual(refused(-19, 'there is no such interface'))
    expect(perform(GET_PARAM, b => b.string(3, 'nowhere'))).toEqual(refused(-19, 'there is no such interface'))
    expect(perform(GET_PARAM, () => {})).toEqual(lacking(15, 'the request names no parameter'))
  })

  test('there are none where no driver is', async () => {
    const vnet = vnetFamily({ devices: [], netnsOf: () => undefined })
    const octets = request(VNET_GENL_ID, GET_PARAM, { flags: NLM_F_DUMP })
    expect(read(ask(new Map([[VNET_GENL_ID, vnet]]), octets)).acks).toMatchObject([{ error: -95 }])
  })

  test('that are on or off are 1 or 0, and a number is a number', () => {
    expect(bool({ default: true, description: '' }).format?.(true)).toBe('1')
    expect(int({ default: 1, description: '' }).format).toBeUndefined()
  })
})

describe('IOCTL', () => {
  const ioctl =
    (n: number, ...data: number[]) =>
    (b: MessageBuilder) =>
      b
        .string(2, 'sn0')
        .u32(23, 0x89f0 + n)
        .binary(24, ifreqTo('sn0', 0n))
        .binary(26, Uint8Array.from(data))

  test('reads by everyone what the driver tells, in the data that came with the request', async () => {
    const { perform, values } = await served()
    values.lockup = 7
    const { answers } = perform(IOCTL, ioctl(2, 0, 0, 0, 0), { missing })
    expect(answers).toMatchObject([{ ioctlResult: 0, ioctlData: Uint8Array.of(7, 0, 0, 0) }])
    expect(answers[0]!.ifreq).toEqual(ifreqTo('sn0', 0x1000n))
  })

  test('tells the driver who may change something: its answer, EPERM or not, is the ioctl’s', async () => {
    const { perform, values } = await served()
    const set = (missing?: string) => perform(IOCTL, ioctl(3, 5, 0, 0, 0), { missing }).answers[0]!.ioctlResult
    expect([set(missing), values.lockup, set(), values.lockup]).toEqual([-1, 0, 0, 5])
  })

  test('is EFAULT without data, or with too little, and EOPNOTSUPP where there is none', async () => {
    const { perform } = await served()
    const bare = (name: string) => (b: MessageBuilder) =>
      b.string(2, name).u32(23, 0x89f2).binary(24, ifreqTo(name, 0x1000n))
    const result = (write: (b: MessageBuilder) => unknown) => perform(IOCTL, write).answers[0]!.ioctlResult
    expect([bare('sn0'), ioctl(2, 0, 0, 0), bare('other')].map(result)).toEqual([-14, -14, -95])
  })

  test('with half an ifreq, or more data than a driver may have, is refused', async () => {
    const { perform } = await served()
    const half = (b: MessageBuilder) => b.string(2, 'sn0').u32(23, 0x89f0).binary(24, new Uint8Array(39))
    expect(perform(IOCTL, half)).toEqual(refused(-22, 'ifreq: has 39 octets, fewer than 40', 36))
    const much = ioctl(2, ...new Uint8Array(16385))
    expect(perform(IOCTL, much)).toEqual(refused(-22, 'ioctlData: has 16385 octets, more than 16384', 80))
  })

  test('gives back what the driver wrote, and where, and nothing of what it only read', async () => {
    const memory = memoryNet()
    await addDevice(memory, { ndoSiocdevprivate: writesInTheMiddle }, { name: 'sn0' })
    const vnet = vnetFamily({ devices: memory.net.devices, netnsOf: () => undefined })
    const perform = (write: (b: MessageBuilder) => unknown) =>
      read(ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, IOCTL, { write })), ioctlAnswer).answers[0]
    const at = (address: bigint) => (b: MessageBuilder) =>
      b
        .string(2, 'sn0')
        .u32(23, 0x89f0)
        .binary(24, ifreqTo('sn0', address))
        .binary(26, Uint8Array.of(1, 2, 3, 4))
    const address = 0x7fff_1234_5678n
    // At the caller's own address, which stays as it is.
    expect(perform(at(address))).toEqual({
      ...{ ioctlResult: 4, ifreq: ifreqTo('sn0', address) },
      ...{ ioctlData: Uint8Array.of(1, 2, 3, 9), ioctlDataOffset: 0 },
    })
    expect(perform(ioctl(1, 1, 2, 3, 4))).toEqual({ ioctlResult: 0, ifreq: ifreqTo('sn0', 0x1000n) })
  })
})

/** + 0 writes all but three bytes as they were, + 1 reads only. */
function writesInTheMiddle(_dev: unknown, _ifr: Uint8Array, data: UserData, cmd: number): number {
  const all = data.read(4)
  if (cmd === 0x89f1) return 0
  data.write(all.with(3, 9))
  return 4
}

test('a device that sends nothing more is told of as it is, down and without a carrier', async () => {
  const { families, port0, sn0, perform } = await served()
  perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, 0))
  port0.change({ kind: 'down' })
  port0.transmit(numbered(1)[0]!)
  const { answers } = read(ask(families, request(VNET_GENL_ID, 2, { write: b => b.u32(1, sn0.ifindex) })))
  expect(answers).toMatchObject([{ ifname: 'sn0', driver: 'snull', mtu: 1500, flags: sn0.flags }])
})
