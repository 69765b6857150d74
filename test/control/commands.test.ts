/**
 * Effects of the vnet_nl commands on a device and its driver, and their refusals, without sockets.
 */
import { describe, expect, test } from 'vitest'
import { LOGLEVEL_DEBUG } from '#src/base/log.ts'
import { vnetFamily } from '#src/control/operations/vnet-family.ts'
import { VNET_GENL_ID } from '#src/control/protocol/family.ts'
import { driver } from '#src/drivers/snull/driver.ts'
import { bool, defaultParams, int } from '#src/netdev/driver.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import type { UserData } from '#src/netdev/ops.ts'
import { TX_PACKETS } from '#src/netdev/stats.ts'
import { binary, type MessageBuilder, NLM_F_ACK, NLM_F_DUMP, policy } from '#src/netlink/index.ts'
import { type AskOptions, ask, read, request } from '#support/genl-request.ts'
import {
  addDevice,
  addDriver,
  type MemoryNetOptions,
  memoryNets,
  numbered,
  turn,
} from '#support/memory-net.ts'
import { flowFrame } from '#support/snull-pair.ts'
import { ifreqTo } from '#support/user-memory.ts'

const [ECHO, RESET_STATS, SET_CARRIER, GET_PARAM, SET_PARAM, TRIGGER, IOCTL] = [
  1, 4, 5, 6, 7, 8, 9,
] as const
const [CUT, PLUG] = [14, 15] as const
const memoryNet = memoryNets()
/** The right that a client without rights lacks. */
const missing = 'only root may do this'

/** snull, and a device without a driver beside it. */
async function served(options?: MemoryNetOptions) {
  const memory = memoryNet(options)
  const params = { ...defaultParams(driver.params), timeout: 50 }
  const { devices, ports } = await addDriver(memory, driver, params)
  const values = (devices[0]!.priv as { params: Record<string, unknown> }).params
  const other = await addDevice(memory, {}, { name: 'other' })
  const module = { name: 'snull', params: driver.params, values }
  const vnet = vnetFamily({
    devices: memory.net.devices,
    now: () => 0,
    netnsOf: () => undefined,
    module,
  })
  const families = new Map([[VNET_GENL_ID, vnet]])
  function perform(
    cmd: number,
    write: (b: MessageBuilder) => unknown,
    options: AskOptions & { flags?: number } = {},
  ) {
    return read(
      ask(families, request(VNET_GENL_ID, cmd, { flags: NLM_F_ACK, ...options, write }), options),
    )
  }
  const [sn0, sn1] = devices as [NetDevice, NetDevice]
  return {
    ...memory,
    sn0,
    sn1,
    port0: ports[0]!,
    port1: ports[1]!,
    other,
    values,
    families,
    perform,
  }
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
  test.each(['hello vnet', '', 'grüße', 'x'.repeat(4000)])('ECHO returns %s', async text => {
    const { perform } = await served()
    expect(perform(ECHO, b => b.string(1, text))).toEqual({
      answers: [{ text }],
      acks: [{ error: 0 }],
    })
  })

  test('ECHO returns the bytes up to the first NUL, even if they are not UTF-8, and adds a missing NUL', async () => {
    const { families } = await served()
    const octets = policy({ text: binary(1) })
    const echo = (...text: number[]) =>
      read(
        ask(
          families,
          request(VNET_GENL_ID, ECHO, { write: b => b.binary(1, Uint8Array.from(text)) }),
        ),
        octets,
      ).answers.map(({ text }) => [...(text as Uint8Array)])
    expect(echo(0xff, 0xc3, 7)).toEqual([[0xff, 0xc3, 7, 0]])
    expect(echo(65, 0, 66)).toEqual([[65, 0]])
  })

  test('ECHO without a text, or with another attribute, is EINVAL', async () => {
    const { perform } = await served()
    expect(perform(ECHO, () => {})).toEqual(lacking(1, 'text: is missing'))
    expect(perform(ECHO, b => b.string(1, 'a').u32(2, 0))).toEqual(
      refused(-22, 'unknown attribute type 2', 28),
    )
  })
})

describe('changes', () => {
  const requests: [string, number, (b: MessageBuilder) => unknown][] = [
    ['RESET_STATS', RESET_STATS, b => b.string(2, 'sn0')],
    ['SET_CARRIER', SET_CARRIER, b => b.string(2, 'sn0').u8(21, 0)],
    ['CUT', CUT, b => b.string(2, 'sn0')],
    ['PLUG', PLUG, b => b.string(2, 'sn0')],
    ['SET_PARAM', SET_PARAM, b => b.string(15, 'lockup').string(16, '9')],
    ['TRIGGER', TRIGGER, b => b.string(2, 'sn0').string(22, 'lockup')],
  ]

  test.each(requests)(
    '%s is EPERM without the right, and only acknowledged with it',
    async (_, cmd, w) => {
      const { perform, values } = await served()
      const eperm = refused(-1, missing)
      expect([perform(cmd, w, { missing }), values.lockup]).toEqual([eperm, 0])
      expect(perform(cmd, w)).toEqual(done)
      expect(perform(cmd, w, { flags: 0 })).toEqual({ answers: [], acks: [] })
    },
  )

  test.each([RESET_STATS, SET_CARRIER, TRIGGER, CUT, PLUG])(
    'command %s needs a device, and one that is there',
    async cmd => {
      const { perform } = await served()
      const rest = (b: MessageBuilder) => {
        if (cmd === SET_CARRIER) return b.u8(21, 0)
        return cmd === TRIGGER ? b.string(22, 'stuck') : b
      }
      expect(perform(cmd, rest)).toEqual(lacking(1, 'the request names no interface'))
      expect(perform(cmd, b => rest(b.string(2, 'gone')))).toEqual(
        refused(-19, 'there is no such interface'),
      )
    },
  )

  test('RESET_STATS sets the statistics of one device to 0', async () => {
    const { perform, port0, sn0, sn1, conserved } = await served()
    port0.transmit(flowFrame(0, 1))
    await turn()
    expect(perform(RESET_STATS, b => b.u32(1, sn0.ifindex))).toEqual(done)
    expect([
      sn0.getStats64()[TX_PACKETS],
      sn0.kernelStats()![TX_PACKETS],
      sn1.getStats64()[0],
    ]).toEqual([0, 0, 1])
    conserved()
  })

  test('SET_CARRIER turns the carrier off with 0 and on with 1, and refuses other values', async () => {
    const { perform, sn0, port0 } = await served()
    const set = (carrier: number) => perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, carrier))
    expect([set(0), sn0.carrier, port0.carrier]).toEqual([done, false, false])
    expect([set(1), sn0.carrier, port0.carrier]).toEqual([done, true, true])
    expect(set(2)).toEqual(refused(-22, 'carrier: 2 is not 0 or 1', 28))
    // Of several equal attributes the last one counts, so it is refused.
    const twice = perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, 1).u8(21, 3))
    expect(twice).toEqual(refused(-22, 'carrier: 3 is not 0 or 1', 36))
  })

  test('CUT at either end turns off the carriers of both ends until PLUG', async () => {
    const { perform, sn0, sn1, port0 } = await served()
    expect(perform(CUT, b => b.string(2, 'sn0'))).toEqual(done)
    expect([sn0.carrier, sn1.carrier, port0.carrier]).toEqual([false, false, false])
    expect(perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, 1))).toEqual(done)
    expect(sn0.carrier).toBe(false)
    expect(perform(PLUG, b => b.string(2, 'sn1'))).toEqual(done)
    expect([sn0.carrier, sn1.carrier, port0.carrier]).toEqual([true, true, true])
  })

  test('TRIGGER causes a fault, on a queue if it names one', async () => {
    const { perform, port0, sn0 } = await served()
    expect(
      perform(TRIGGER, b => b.string(2, 'sn0').string(22, 'lost-interrupt').u32(10, 0)),
    ).toEqual(done)
    port0.transmit(flowFrame(0, 1))
    await turn()
    expect(sn0.tx[0]!.stopped).toBe(true)
  })

  test('TRIGGER refuses an unknown fault and an unknown queue', async () => {
    const { perform, port0 } = await served()
    const trigger = (name: string, fault: string, queue = 0) =>
      perform(TRIGGER, b => b.string(2, name).string(22, fault).u32(10, queue))
    expect(trigger('sn0', 'fire')).toEqual(
      refused(-95, "no fault 'fire'; there are lockup, lost-interrupt, stuck, flap", 28),
    )
    expect(trigger('other', 'stuck')).toEqual(
      refused(-95, 'the driver of other has no faults to trigger'),
    )
    expect(trigger('sn0', 'stuck', 1)).toEqual(refused(-22, 'queue: sn0 has 1, counted from 0', 40))
    port0.change({ kind: 'down' })
    expect(trigger('sn0', 'stuck')).toEqual(refused(-100, 'sn0 is down'))
  })

  test('a fault that the driver refuses is a sentence with the fault and the interface', async () => {
    const memory = memoryNet()
    await addDevice(memory, { ndoTrigger: () => -16 }, { name: 'sn0' })
    const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
    const write = (b: MessageBuilder) => b.string(2, 'sn0').string(22, 'stuck')
    expect(
      read(ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, TRIGGER, { write }))),
    ).toEqual(refused(-16, 'stuck of sn0: device or resource busy'))
  })
})

describe('parameters', () => {
  test('a dump of GET_PARAM has every parameter with its type, its value, and whether it can be set', async () => {
    const { perform, values } = await served()
    const { answers, acks } = perform(GET_PARAM, () => {}, { flags: NLM_F_DUMP, missing })
    expect(acks).toEqual([{ error: 0 }])
    expect(answers.map(({ name }) => name)).toEqual(Object.keys(values))
    const byName = new Map(answers.map(answer => [answer.name, answer]))
    expect(byName.get('lockup')).toEqual({
      driver: 'snull',
      name: 'lockup',
      value: '0',
      type: 'int',
      live: true,
      description: driver.params.lockup.description,
    })
    expect(byName.get('poolSize')).toMatchObject({ value: '64', range: '1 to 65536', live: false })
    expect(byName.get('useNapi')).toMatchObject({ value: '0', type: 'bool' })
    expect(byName.get('drop')).toMatchObject({ value: 'none', type: 'string', live: true })
  })

  test('GET_PARAM describes parameters of names that every object has', async () => {
    const { net } = await served()
    const names = ['constructor', 'toString', '__proto__']
    const of = <T>(value: T) => Object.fromEntries(names.map(name => [name, value]))
    const module = { name: 'own', params: of(driver.params.lockup), values: of(7) }
    const vnet = vnetFamily({
      devices: net.devices,
      now: () => 0,
      netnsOf: () => undefined,
      module,
    })
    const { answers } = read(
      ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, GET_PARAM, { flags: NLM_F_DUMP })),
    )
    expect(answers.map(({ name, value }) => [name, value])).toEqual(names.map(name => [name, '7']))
  })

  test('SET_PARAM immediately sets a live parameter from its command-line text', async () => {
    const { perform, values } = await served()
    const set = (name: string, value: string) =>
      perform(SET_PARAM, b => b.string(15, name).string(16, value))
    const get = (name: string) => perform(GET_PARAM, b => b.string(15, name)).answers[0]!.value
    expect([set('lockup', '0x10'), values.lockup, get('lockup')]).toEqual([done, 16, '16'])
    expect([set('drop', 'rx_crc=3'), values.drop]).toEqual([
      done,
      { reason: expect.any(Number), every: 3, rx: true },
    ])
    expect([get('drop'), set('drop', 'none'), values.drop]).toEqual(['RX_CRC=3', done, undefined])
  })

  test('SET_PARAM logs the new value, for -v, and no refused one', async () => {
    const { perform, lines } = await served({ level: LOGLEVEL_DEBUG })
    lines.length = 0
    for (const value of ['0x10', 'often']) {
      perform(SET_PARAM, b => b.string(15, 'lockup').string(16, value))
    }
    expect(lines).toEqual(['snull: lockup=16'])
  })

  test('SET_PARAM refuses a value with the message of the command line and its place', async () => {
    const { perform, values } = await served()
    const set = (name: string, value: string) =>
      perform(SET_PARAM, b => b.string(15, name).string(16, value))
    expect(set('lockup', 'often')).toEqual(
      refused(-22, "lockup: 'often' is not a whole number of at least 0", 32),
    )
    const stays = 'pool-size is given to snull when it starts, and stays as it is'
    expect(set('poolSize', '8')).toEqual(refused(-95, stays, 20))
    const [unknown] = set('toString', '8').acks
    expect(unknown).toMatchObject({ error: -2, offset: 20 })
    expect(unknown?.message).toMatch(/^no parameter 'to-string'; there are eth, /)
    expect([values.lockup, values.poolSize]).toEqual([0, 64])
  })

  test('GET_PARAM of a device that does not exist is ENODEV', async () => {
    const { perform } = await served()
    expect(perform(GET_PARAM, b => b.string(2, 'sn1').string(15, 'lockup')).answers).toMatchObject([
      { value: '0' },
    ])
    expect(perform(GET_PARAM, b => b.string(2, 'gone'))).toEqual(
      refused(-19, 'there is no such interface'),
    )
    expect(perform(GET_PARAM, b => b.string(3, 'nowhere'))).toEqual(
      refused(-19, 'there is no such interface'),
    )
    expect(perform(GET_PARAM, () => {})).toEqual(lacking(15, 'the request names no parameter'))
  })

  test('GET_PARAM of a vnet without a driver is EOPNOTSUPP', async () => {
    const vnet = vnetFamily({ devices: [], now: () => 0, netnsOf: () => undefined })
    const octets = request(VNET_GENL_ID, GET_PARAM, { flags: NLM_F_DUMP })
    expect(read(ask(new Map([[VNET_GENL_ID, vnet]]), octets)).acks).toMatchObject([{ error: -95 }])
  })

  test('a boolean parameter is formatted as 1 or 0', () => {
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

  test('every client may run an ioctl that reads, into the data of the request', async () => {
    const { perform, values } = await served()
    values.lockup = 7
    const { answers } = perform(IOCTL, ioctl(2, 0, 0, 0, 0), { missing })
    expect(answers).toMatchObject([{ result: 0, data: Uint8Array.of(7, 0, 0, 0) }])
    expect(answers[0]!.ifreq).toEqual(ifreqTo('sn0', 0x1000n))
  })

  test('the driver decides which ioctl is EPERM for a client without rights', async () => {
    const { perform, values } = await served()
    const set = (missing?: string) =>
      perform(IOCTL, ioctl(3, 5, 0, 0, 0), { missing }).answers[0]!.result
    expect([set(missing), values.lockup, set(), values.lockup]).toEqual([-1, 0, 0, 5])
  })

  test('an ioctl is EFAULT without enough data, and EOPNOTSUPP for a driver without ioctls', async () => {
    const { perform } = await served()
    const bare = (name: string) => (b: MessageBuilder) =>
      b.string(2, name).u32(23, 0x89f2).binary(24, ifreqTo(name, 0x1000n))
    const result = (write: (b: MessageBuilder) => unknown) =>
      perform(IOCTL, write).answers[0]!.result
    expect([bare('sn0'), ioctl(2, 0, 0, 0), bare('other')].map(result)).toEqual([-14, -14, -95])
  })

  test('IOCTL with a short ifreq, or with too much data, is EINVAL', async () => {
    const { perform } = await served()
    const half = (b: MessageBuilder) =>
      b.string(2, 'sn0').u32(23, 0x89f0).binary(24, new Uint8Array(39))
    expect(perform(IOCTL, half)).toEqual(refused(-22, 'ifreq: has 39 bytes, fewer than 40', 36))
    const much = ioctl(2, ...new Uint8Array(16385))
    expect(perform(IOCTL, much)).toEqual(refused(-22, 'data: has 16385 bytes, more than 16384', 80))
  })

  test('IOCTL returns the driver’s output, and no data that it only read', async () => {
    const memory = memoryNet()
    await addDevice(memory, { ndoSiocdevprivate: writesInTheMiddle }, { name: 'sn0' })
    const vnet = vnetFamily({ devices: memory.net.devices, now: () => 0, netnsOf: () => undefined })
    const perform = (write: (b: MessageBuilder) => unknown) =>
      read(ask(new Map([[VNET_GENL_ID, vnet]]), request(VNET_GENL_ID, IOCTL, { write }))).answers[0]
    const at = (address: bigint) => (b: MessageBuilder) =>
      b
        .string(2, 'sn0')
        .u32(23, 0x89f0)
        .binary(24, ifreqTo('sn0', address))
        .binary(26, Uint8Array.of(1, 2, 3, 4))
    const address = 0x7fff_1234_5678n
    // At the caller's address, which does not change.
    expect(perform(at(address))).toEqual({
      result: 4,
      ifreq: ifreqTo('sn0', address),
      data: Uint8Array.of(1, 2, 3, 9),
    })
    // After data that it only read, or could not write.
    for (const number of [1, 2]) {
      expect(perform(ioctl(number, 1, 2, 3, 4))).toEqual({
        result: 0,
        ifreq: ifreqTo('sn0', 0x1000n),
      })
    }
  })
})

/** 0 writes all data with one byte changed, then its first byte; 1 reads; 2 writes too much. */
function writesInTheMiddle(_dev: unknown, _ifr: Uint8Array, data: UserData, cmd: number): number {
  const all = data.read(4)
  if (cmd === 0x89f1) return 0
  if (cmd === 0x89f2) {
    expect(() => data.write(new Uint8Array(5))).toThrow('EFAULT')
    return 0
  }
  data.write(all.with(3, 9))
  data.write(all.subarray(0, 1))
  return 4
}

test('GET_DEVICES reports a device that is down and without a carrier', async () => {
  const { families, port0, sn0, perform } = await served()
  perform(SET_CARRIER, b => b.string(2, 'sn0').u8(21, 0))
  port0.change({ kind: 'down' })
  port0.transmit(numbered(1)[0]!)
  const { answers } = read(
    ask(families, request(VNET_GENL_ID, 2, { write: b => b.u32(1, sn0.ifindex) })),
  )
  expect(answers).toMatchObject([{ ifname: 'sn0', driver: 'snull', mtu: 1500, flags: sn0.flags }])
})
