/**
 * The commands that query or change served vnets: their output and their effect.
 * control-commands.slow.test.ts has more cases.
 */
import { afterEach, describe, expect, test, vi } from 'vitest'
import { EOPNOTSUPP, EPERM, VnetError } from '#src/base/errno.ts'
import { ControlClient, type ServerOptions } from '#src/control/index.ts'
import { driver as loop } from '#src/drivers/loop.ts'
import { driver as snull } from '#src/drivers/snull/driver.ts'
import { defineDriver } from '#src/netdev/driver.ts'
import { SIOCDEVPRIVATE } from '#src/netdev/if.ts'
import type { NetDevice } from '#src/netdev/net-device.ts'
import { cutCable, netifCarrierOff } from '#src/netdev/netif.ts'
import type { NetDeviceOps } from '#src/netdev/ops.ts'
import { TX_PACKETS } from '#src/netdev/stats.ts'
import { makeDevice, numbered, sendAll } from '#support/memory-net.ts'
import { servedNets } from '#support/served-nets.ts'
import { flowFrame, type SnullParams } from '#support/snull-pair.ts'
import { wireReadings } from '#support/wire-readings.ts'

const { serve, moveAway, users, runMain } = servedNets()
afterEach(() => {
  vi.restoreAllMocks()
  users.splice(0)
})

const vnet = async (
  params: Partial<SnullParams> = {},
  options: ServerOptions & { down?: boolean } = {},
) => {
  const { devices, ports, ...rest } = await serve(snull, ['sn0', 'red/sn1'], params, options)
  const [sn0, sn1] = devices as [NetDevice, NetDevice]
  return { ...rest, ports, sn0, sn1 }
}
/** A vnet with one interface, whose driver has these operations. */
const vnetOf = (ops: Partial<NetDeviceOps<unknown>>) => {
  const init = () => [{ dev: makeDevice(ops, { name: 'sn0' }) }]
  return serve(defineDriver({ name: 'test', description: 'a test', params: {}, init }), [])
}

const ok = (stdout: string) => ({ status: 0, stdout, stderr: '' })
const failed = (line: string) => ({ status: 1, stdout: '', stderr: `vnet: ${line}\n` })
const refusal = new VnetError(EPERM, 'fake', 'not today')
const client = ControlClient.prototype
const NOT_RUNNING = failed('no vnet is running in this network namespace')

describe('list', () => {
  test('list prints a line for each interface, with its far end and its drops', async () => {
    const { ports } = await vnet()
    sendAll(ports[0]!, ...numbered(7))
    const { stdout, ...rest } = await runMain('list')
    expect(rest).toEqual({ status: 0, stderr: '' })
    expect(stdout.split('\n')).toEqual([
      'interface  driver  state  address  peer     drops  wire',
      'sn0        snull   up     -        red/sn1  7      off',
      'red/sn1    snull   up     -        sn0      0      off',
      '',
    ])
    expect(await runMain('list', '--names')).toEqual(ok('sn0\nred/sn1\n'))
  })

  test('list --all prints the interfaces of vnets in other network namespaces too', async () => {
    await vnet()
    moveAway()
    expect((await runMain('list')).status).toBe(1)
    const { status, stdout } = await runMain('list', '--all')
    expect([status, stdout]).toEqual([
      0,
      expect.stringMatching(/^interface .*\n\S*sn0 .*\nred\/sn1 .*\n$/),
    ])
  })

  test('list reports other users with vnets, one line each', async () => {
    const { server } = await vnet()
    users.push(1000, 1001)
    const { status, stderr } = await runMain('list')
    const lines = users.map(
      uid => `vnet: user ${uid} has vnets too: vnet list --all --user ${uid}\n`,
    )
    expect([status, stderr]).toEqual([0, lines.join('')])
    expect(JSON.parse((await runMain('list', '--json')).stdout).users).toEqual([1000, 1001])
    expect(await runMain('list', '--names')).toEqual(ok('sn0\nred/sn1\n'))
    server[Symbol.dispose]()
    const far = users.map(uid => `; user ${uid} has some: vnet list --user ${uid}`).join('')
    expect(await runMain('list')).toEqual(
      failed(`no vnet is running in this network namespace${far}`),
    )
  })

  test('list --json uses the names of the `ready` line', async () => {
    const { sn0 } = await vnet()
    const { stdout } = await runMain('list', '--json')
    const [first, second] = JSON.parse(stdout).interfaces
    const words = { name: 'sn0', ifindex: sn0.ifindex, netns: null, driver: 'snull', state: 'up' }
    const link = {
      addresses: [],
      peer: 'red/sn1',
      wire: { ab: '', ba: '' },
      only: null,
      seed: expect.any(Number),
      bypassed: null,
      owner: null,
      drops: 0,
    }
    const numbers = { mac: '00:53:4e:55:4c:30', mtu: 1500, txqs: 1, rxqs: 1, pid: process.pid }
    expect(first).toEqual({
      ...words,
      ...link,
      ...numbers,
      vnet: expect.stringMatching(/^\/.*\.sock$/),
    })
    expect(second).toMatchObject({ name: 'sn1', netns: 'red', addresses: null, vnet: first.vnet })
  })

  test('list shows the interfaces of a vnet without a driver', async () => {
    await serve(loop, ['lo0'], {}, { bare: true })
    expect(JSON.parse((await runMain('list', '--json')).stdout).interfaces[0]).toMatchObject({
      driver: null,
    })
  })

  test.each<[string, string, boolean, (dev: NetDevice) => void]>([
    ['without a carrier', 'no-carrier', false, netifCarrierOff],
    ['down with a cut cable', 'down', true, cutCable],
  ])('an interface that is %s has the state %s', async (_, state, down, change) => {
    const { sn0 } = await vnet({}, { down })
    change(sn0)
    expect(JSON.parse((await runMain('list', '--json')).stdout).interfaces[0].state).toBe(state)
  })

  test('list reports a vnet that fails in one line with exit status 1, and shows the others', async () => {
    await vnet()
    await vnet()
    vi.spyOn(client, 'devices').mockRejectedValueOnce(refusal)
    const { status, stdout, stderr } = await runMain('list', '--json')
    const line = /"vnet \d+ \(sn0, red\/sn1\): operation not permitted; not today"/
    expect([status, stderr]).toEqual([1, expect.stringMatching(line)])
    expect(JSON.parse(stdout).interfaces.map(({ name }: { name: string }) => name)).toEqual([
      'sn0',
      'sn1',
    ])
  })
})

describe('show', () => {
  test('show prints the properties of an interface, the parameters of its driver, and its parts', async () => {
    await vnet({ lockup: 5, ringSize: 20 })
    const { stdout } = await runMain('show', 'sn0')
    expect(stdout).toMatch(/^sn0\n {2}driver +snull\n {2}state +up\n {2}peer +red\/sn1\n/)
    expect(stdout).toMatch(/^ {2}mac +00:53:4e:55:4c:30\n/m)
    expect(stdout).toMatch(
      /^ {2}queues +1 tx, 1 rx\n {2}pid +\d+\n {2}socket .*\nparameters\n {2}eth +off$/m,
    )
    expect(stdout).toMatch(/^ {2}ring-size +20\n/m)
    expect(stdout).toMatch(/\nparts\n/)
    expect(stdout).toMatch(/^ {2}rx ring +ring: 0 of 32$/m)
    const json = JSON.parse((await runMain('show', 'sn0', '--json')).stdout)
    expect(json).toMatchObject({
      event: 'show',
      name: 'sn0',
      mtu: 1500,
      params: { lockup: '5', ringSize: '20' },
    })
  })

  test('show prints the state of a part', async () => {
    await vnet()
    const part = {
      kind: 'ring',
      name: 'rx ring',
      length: 3,
      capacity: 256,
      state: 'full',
      count: 9,
    } as const
    vi.spyOn(client, 'parts').mockResolvedValue([part])
    expect((await runMain('show', 'sn0')).stdout).toMatch(
      /^ {2}rx ring +ring: 3 of 256, full, 9 times$/m,
    )
  })

  test('show prints the progress of the scenario, and each of its steps', async () => {
    await vnet()
    const steps = [{ at: 1500, text: 'wire off' }]
    const scenario = { file: 'a.yaml', started: 1_800_000_000_000, repeat: 60_000, steps }
    vi.spyOn(client, 'scenario').mockResolvedValue(scenario)
    vi.spyOn(Date, 'now').mockReturnValue(1_800_000_012_300)
    const { stdout } = await runMain('show', 'sn0')
    expect(stdout).toMatch(
      /^scenario\n {2}now +12\.3s after its start, repeats every 60s\n {2}at 1\.5s +wire off$/m,
    )
    expect(JSON.parse((await runMain('show', 'sn0', '--json')).stdout).scenario).toEqual(scenario)
  })

  test('show omits the parameters and the scenario of a vnet without a driver', async () => {
    await serve(loop, ['red/lo0'], {}, { bare: true })
    vi.spyOn(client, 'scenario').mockRejectedValue(new VnetError(EOPNOTSUPP, 'fake'))
    const { stdout } = await runMain('show', 'red/lo0', '--json')
    expect(JSON.parse(stdout)).toMatchObject({ name: 'lo0', params: {}, scenario: null })
    expect((await runMain('show', 'red/lo0')).stdout).not.toContain('parameters')
  })
})

describe('commands that change something', () => {
  type Vnet = Awaited<ReturnType<typeof vnet>>
  const sent = ({ sn0, sn1 }: Vnet) => [sn0, sn1].map(dev => dev.getStats64()[TX_PACKETS])
  const cut = ({ sn0, sn1 }: Vnet) => [sn0.cut, sn1.cut]
  const carriers = ({ sn0, sn1 }: Vnet) => [sn0.carrier, sn1.carrier]
  test.each<[string[], (vnet: Vnet) => unknown, unknown, unknown]>([
    [['reset', 'sn0'], sent, [1, 1], [0, 1]],
    [['reset', 'red/sn1'], sent, [1, 1], [1, 0]],
    [['cut', 'sn0'], cut, [false, false], [true, true]],
    [['carrier', 'sn0', 'off'], carriers, [true, true], [false, true]],
    [['param', 'sn0', 'drop=RX_CRC=1'], ({ values }) => values.drop?.every, undefined, 1],
    [['trigger', 'red/sn1', 'flap'], carriers, [true, true], [true, false]],
  ])('vnet %j prints nothing and makes one change', async (args, state, before, after) => {
    const served = await vnet()
    for (const port of served.ports) {
      sendAll(port, flowFrame(0, 0))
    }
    expect(state(served)).toEqual(before)
    expect(await runMain(...args)).toEqual(ok(''))
    expect(state(served)).toEqual(after)
  })

  test('plug and carrier on undo cut and carrier off', async () => {
    const { sn0, sn1 } = await vnet()
    cutCable(sn1)
    netifCarrierOff(sn0)
    expect(await runMain('plug', 'red/sn1')).toEqual(ok(''))
    expect([sn0.cut, sn1.cut, sn0.carrier]).toEqual([false, false, false])
    expect(await runMain('carrier', 'sn0', 'on')).toEqual(ok(''))
    expect(sn0.carrier).toBe(true)
  })

  test('an option of the driver may have an empty value, and a fault may be for one queue', async () => {
    await vnet()
    const [setParam, trigger] = [vi.spyOn(client, 'setParam'), vi.spyOn(client, 'trigger')]
    for (const spy of [setParam, trigger]) {
      spy.mockResolvedValue()
    }
    const device = expect.objectContaining({ name: 'sn0', netns: undefined })
    expect(await runMain('param', 'sn0', 'pool-size=')).toEqual(ok(''))
    expect(await runMain('trigger', 'sn0', 'stuck', '--queue', '1')).toEqual(ok(''))
    expect(setParam.mock.calls).toEqual([[expect.any(String), device, 'poolSize', '']])
    expect(trigger.mock.calls).toEqual([[expect.any(String), device, 'stuck', 1]])
  })

  test('a refused change is reported in one line with the text of the vnet, and exit status 1', async () => {
    await vnet()
    const why = 'pool-size is given to snull when it starts, and stays as it is'
    expect(await runMain('param', 'sn0', 'pool-size=1')).toEqual(failed(why))
  })
})

describe('wire', () => {
  const SPEC = "match 'icmp' ( loss 1% )"

  test.each([
    [[SPEC], 1, [SPEC, SPEC]],
    [['--wire-ab', SPEC, '--wire-ba', `delay 1ms ${SPEC}`], 2, [SPEC, `delay 1ms ${SPEC}`]],
  ])(
    'vnet wire sn0 %j reads its texts %i times, and compiles a filter once',
    async (args, reads, texts) => {
      const { sn0 } = await vnet()
      {
        using readings = wireReadings()
        const set = vi.spyOn(client, 'setWire').mockResolvedValue()
        expect(await runMain('wire', 'sn0', ...args)).toEqual(ok(''))
        expect([readings.reads, readings.compiled]).toEqual([reads, Math.min(reads, 1)])
        set.mockRestore()
      }
      expect(await runMain('wire', 'sn0', ...args)).toEqual(ok(''))
      expect(sn0.netdevOps.ndoGetWires?.(sn0)?.map(({ text }) => text)).toEqual(texts)
    },
  )
})

describe('trigger without a fault', () => {
  const ndoTrigger = () => 0
  test.each<[Partial<NetDeviceOps<unknown>>, object]>([
    [{ ndoTrigger, faults: ['lockup', 'flap'] }, ok('lockup\nflap\n')],
    [{}, failed('the driver of sn0 has no faults to trigger')],
    [{ ndoTrigger }, failed('the driver of sn0 does not list its faults')],
  ])(
    'trigger without a fault prints the faults of a driver with the operations %o',
    async (ops, printed) => {
      await vnetOf(ops)
      const trigger = vi.spyOn(client, 'trigger')
      expect(await runMain('trigger', 'sn0')).toEqual(printed)
      expect(trigger).not.toHaveBeenCalled()
    },
  )
})

describe('ioctl', () => {
  /** A driver that writes two bytes of its ifreq and of its data; returns what it was given. */
  async function ioctls(result = 3) {
    const given: { cmd: number; name: string; ifr: string; data: string }[] = []
    let length = 0
    await vnetOf({
      ndoSiocdevprivate(_, ifr, data, cmd) {
        const [name, hex] = [
          Buffer.from(ifr.subarray(0, 4)).toString(),
          Buffer.from(ifr.subarray(16)).toString('hex'),
        ]
        const bytes = length === 0 ? '' : Buffer.from(data.read(length)).toString('hex')
        given.push({ cmd: cmd - SIOCDEVPRIVATE, name, ifr: hex, data: bytes })
        ifr.set([1, 2], 16)
        if (length > 0) {
          data.write(Uint8Array.of(0xab, 0xcd))
        }
        return result
      },
    })
    return async (bytes: number, ...args: string[]) => {
      length = bytes
      return [await runMain('ioctl', 'sn0', ...args), given.pop()]
    }
  }
  const ZEROS = '00'.repeat(24)
  const IFR = `0102${'00'.repeat(22)}`

  test('ioctl sends the number, an ifreq with the name, and the bytes, and prints the reply', async () => {
    const ioctl = await ioctls()
    expect(await ioctl(2, '1', '0x0a:0b')).toEqual([
      ok(`result 3\nifr ${IFR}\ndata abcd\n`),
      { cmd: 1, name: 'sn0\0', ifr: expect.any(String), data: '0a0b' },
    ])
    const printed = { event: 'ioctl', result: 3, ifr: IFR, data: null }
    expect(await ioctl(0, '15', '--json')).toEqual([
      ok(`${JSON.stringify(printed)}\n`),
      { cmd: 15, name: 'sn0\0', ifr: ZEROS, data: '' },
    ])
  })

  test('--length N gives the driver N bytes, starting with HEX, and prints the bytes it returns', async () => {
    const ioctl = await ioctls(0)
    const [printed, given] = await ioctl(4, '1', '0a', '--length', '4')
    expect(printed).toEqual(ok(`result 0\nifr ${IFR}\ndata abcd0000\n`))
    expect(given).toMatchObject({ data: '0a000000' })
    const usage = { status: 2, stdout: '', stderr: 'vnet: --length 2: HEX has 3 bytes\n' }
    expect(await ioctl(2, '1', '0a0b0c', '--length', '2')).toEqual([usage, undefined])
  })

  test('bytes that no request can carry are refused', async () => {
    await vnet()
    const stderr = 'vnet: HEX: at most 65531 bytes\n'
    const most = { status: 2, stdout: '', stderr }
    expect(await runMain('ioctl', 'sn0', '0', '00'.repeat(65_532))).toEqual(most)
  })

  test('an ioctl that the driver refuses is reported in one line with exit status 1', async () => {
    await vnet()
    const { status, stdout, stderr } = await runMain('ioctl', 'sn0', '7')
    const line = /^vnet: SIOCDEVPRIVATE \+ 7 of sn0: EOPNOTSUPP.*\n$/
    expect([status, stdout, stderr]).toEqual([1, '', expect.stringMatching(line)])
  })
})

describe('param', () => {
  const lockup =
    'lose the interrupt of every Nth transmit completion: the queue stops until the timeout'

  test('param lists all parameters, or prints one', async () => {
    await vnet({ lockup: 5 })
    const { stdout } = await runMain('param', 'sn0')
    expect(stdout).toMatch(
      /^ring-size=256 +frames the receive ring holds \(1 to 65536\); cannot change while running$/m,
    )
    expect(stdout.replaceAll(/ +/g, ' ')).toContain(`\nlockup=5 ${lockup}\n`)
    expect((await runMain('param', 'sn0', '--names')).stdout).toMatch(
      /^pool-size\nring-size\nlockup\n/m,
    )
    expect(await runMain('param', 'sn0', 'lockup')).toEqual(ok('5\n'))
  })

  test('param and show have the stages, and the seed that was drawn, as they are now', async () => {
    const { sn0 } = await vnet({ wire: 'loss 1%' })
    const seed = sn0.wires[0]?.runSeed
    expect((await runMain('wire', 'sn0', '--wire-ab', 'delay 1ms')).status).toBe(0)
    const { stdout } = await runMain('param', 'sn0')
    expect(stdout).toMatch(/^wire= .*`vnet wire` changes it$/m)
    expect(stdout).toMatch(/^wire-ab=delay 1ms +the same.*\nwire-ba=loss 1% .*\n/m)
    expect(stdout).toContain(`\nseed=${seed}`)
    expect(await runMain('param', 'sn0', 'wire-ba')).toEqual(ok('loss 1%\n'))
    const shown = (await runMain('show', 'sn0')).stdout
    expect(shown).toMatch(/^ {2}wire-ab +delay 1ms\n {2}wire-ba +loss 1%$/m)
    expect(shown.match(new RegExp(`^ {2}seed +${seed}$`, 'gm'))).toHaveLength(2)
    const { params, ...fields } = JSON.parse((await runMain('show', 'sn0', '--json')).stdout)
    expect([fields.seed, params.seed, params.wireAb]).toEqual([seed, `${seed}`, 'delay 1ms'])
    expect((await runMain('wire', 'sn0')).stdout).toMatch(new RegExp(`\n {2}seed ${seed}\n$`))
    expect((await runMain('stats', 'sn0')).stdout).toMatch(
      new RegExp(`^ {2}wire seed +${seed}$`, 'm'),
    )
  })

  test('param --json has all properties of the parameters', async () => {
    await vnet({ lockup: 5 })
    const fields = {
      driver: 'snull',
      name: 'lockup',
      value: '5',
      type: 'int',
      live: true,
      description: lockup,
    }
    const one = await runMain('param', 'sn0', 'lockup', '--json')
    expect(JSON.parse(one.stdout)).toEqual({ event: 'param', ...fields, range: null })
    const { params } = JSON.parse((await runMain('param', 'sn0', '--json')).stdout)
    const size = { name: 'poolSize', live: false, range: '1 to 65536' }
    expect(params).toEqual(
      expect.arrayContaining([fields, size].map(each => expect.objectContaining(each))),
    )
  })
})

describe('no vnet, or no such interface', () => {
  const commands = [
    ['show', 'sn9'],
    ['reset', 'sn9'],
    ['param', 'sn9'],
  ]
  test.each([['list'], ['events'], ...commands].map(args => [args]))(
    'vnet %j reports that no vnet is running',
    async args => {
      expect(await runMain(...args)).toEqual(NOT_RUNNING)
    },
  )

  test('an interface that a vnet has just deleted, and that is still in its file, is not one that exists', async () => {
    await serve(loop, ['sn0'])
    vi.spyOn(client, 'devices').mockResolvedValue([])
    expect(await runMain('stats', 'sn0')).toEqual(NOT_RUNNING)
  })

  test.each(commands.map(args => [args]))(
    'vnet %j reports the interfaces that exist',
    async args => {
      await vnet()
      expect(await runMain(...args)).toEqual(
        failed('no interface is called sn9; there are sn0, red/sn1'),
      )
    },
  )
})

test('the command proposed for another namespace has all arguments, quoted for a shell', async () => {
  await vnet()
  moveAway()
  const { stderr } = await runMain('--json', 'param', 'sn0', 'drop=RX CRC')
  expect(stderr).toMatch(
    /; for sn0, red\/sn1: nsenter .*-n -t \d+ vnet --json param sn0 'drop=RX CRC'"}\n$/,
  )
})

test('an ordinary user is refused the vnets of another user in one line', async () => {
  vi.spyOn(process, 'geteuid').mockReturnValue(1000)
  const stderr = 'vnet: --user 1001: only root may query the vnets of another user\n'
  expect(await runMain('list', '--user', '1001')).toEqual({ status: 2, stdout: '', stderr })
  expect((await runMain('list', '--user', '1000')).stderr).not.toContain('only root')
})
