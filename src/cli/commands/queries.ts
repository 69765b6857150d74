/** The commands that query once and print the reply: list, show, param, trigger, ioctl. */
import { awayNames } from '../../agent/client.ts'
import {
  EOPNOTSUPP,
  formatDuration,
  NSEC_PER_MSEC,
  optionName,
  printable,
  UsageError,
  VnetError,
} from '../../base/index.ts'
import { addressesOf, netnsOf } from '../../control/client/addresses.ts'
import { ControlClient } from '../../control/client/client.ts'
import { otherUserLine, supported } from '../../control/client/find.ts'
import type {
  DriverParam,
  Found,
  FoundDevice,
  MistakeInfo,
  PartInfo,
  ScenarioInfo,
  WireInfo,
} from '../../control/index.ts'
import { loadNative } from '../../linux/index.ts'
import { BYPASSED } from '../../netdev/bypass.ts'
import { IFR_IFRU, SIOCDEVPRIVATE } from '../../netdev/if.ts'
import { alignLeft } from '../align.ts'
import { askInterface, checkUser, fail, failAll, findNamed, type QueryOptions } from '../ask.ts'
import { busyText, deviceFields, dropsOf, label, ownerLabel, ownerNames } from '../device-text.ts'
import type { Io } from '../process/io.ts'

interface NamesOptions extends QueryOptions {
  /** Prints only the names, one a line, in the form that other commands take. */
  readonly names: boolean | undefined
}

/** `vnet list`: all interfaces, and containers and pods without their wire, in a table. */
export async function list(
  { json, names, user, all }: NamesOptions & { readonly all: boolean | undefined },
  io: Io,
): Promise<number> {
  checkUser(user)
  using client = new ControlClient(loadNative(), { user })
  const { found, complaints } = await findNamed(client, [], io, { user, everywhere: all })
  const mistakes = names ? [] : await mistakesOf(client, found)
  // A daemon may have nothing else.
  const away = names || user !== undefined || found.here.length === 0 ? [] : awayNames()
  const isEmpty = mistakes.length === 0 && away.length === 0
  if (complaints.length > 0 && isEmpty) return failAll(io, complaints)
  const devices = all
    ? found.devices.map(device => ({ ...device, place: device.place ?? netnsOf(device) }))
    : found.devices
  const { users, failed } = found
  if (names) {
    for (const name of devices.flatMap(device => [label(device), ...ownersFirst(device)])) {
      io.out(`${name}\n`)
    }
  } else {
    const interfaces = await Promise.all(devices.map(device => listed(client, device)))
    const others = [...away.map(awayRow), ...mistakes.map(mistakeRow)]
    if (json) {
      io.out(`${JSON.stringify({ event: 'list', interfaces, users, away, mistakes })}\n`)
    } else {
      for (const line of alignLeft(table(devices, interfaces, others))) {
        io.out(`${line}\n`)
      }
    }
  }
  if (!json && !names) {
    for (const other of users) {
      fail(io, otherUserLine(other, 'list --all'))
    }
  }
  return failAll(io, failed)
}

/** Returns the short and the full name of the owner, for completion. */
const ownersFirst = (device: FoundDevice): string[] => ownerNames(device).slice(0, 2).map(printable)

type Mistake = MistakeInfo['present'][number]

/** Returns the mistakes of all daemons that reply. */
async function mistakesOf(client: ControlClient, { here }: Found): Promise<Mistake[]> {
  const found = await Promise.all(
    here.map(({ vnet }) => client.mistakes(vnet).catch(() => undefined)),
  )
  return found.flatMap(each => each?.present ?? [])
}

const mistakeRow = ({ who, why }: Mistake): string[] => [
  who,
  'attach',
  'mistake',
  '-',
  '-',
  '-',
  why,
]

/** Returns a device with its addresses, the other end, the wire and the drops. */
async function listed(client: ControlClient, device: FoundDevice) {
  const [stats, wire] = await Promise.all([
    client.stats(device.vnet, device).catch(() => undefined),
    client.wire(device.vnet, device).catch(() => undefined),
  ])
  const { peer = null } = device
  const { text = null, only = null, seed = null } = wire ?? {}
  const { owner = null } = device
  const bypassed = device.attached ? (stats?.bypassed ?? 0) : null
  const link = {
    addresses: addressesOf(device) ?? null,
    peer,
    wire: text,
    only,
    seed,
    bypassed,
    owner,
  }
  return { ...deviceFields(device), ...link, drops: stats === undefined ? null : dropsOf(stats) }
}

export type Listed = Awaited<ReturnType<typeof listed>>

/** Only a table with containers or pods has a column for them. */
function table(
  devices: readonly FoundDevice[],
  interfaces: readonly Listed[],
  others: readonly string[][],
) {
  const all = [...rows(devices, interfaces), ...others]
  const owners = devices.map(ownerLabel)
  if (owners.every(owner => owner === undefined)) return all
  return all.map(([name = '', ...rest], i) => [
    name,
    i === 0 ? 'owner' : (owners[i - 1] ?? '-'),
    ...rest,
  ])
}

function rows(devices: readonly FoundDevice[], interfaces: readonly Listed[]): string[][] {
  return [
    ['interface', 'driver', 'state', 'address', 'peer', 'drops', 'wire'],
    ...interfaces.map(
      ({ driver, state, busy, addresses, peer, drops, wire, only, bypassed }, i) => {
        const filter = only === null ? '' : `, only '${only}'`
        const beside = bypassed ? `; ${BYPASSED}: ${bypassed}` : ''
        const text = wire === null ? '-' : wireText(wire) + filter + beside
        const now = busy === undefined ? state : `${state}, ${busyText(busy)}`
        const shown = [driver, now, addresses?.[0], peer, drops, text].map(word => `${word ?? '-'}`)
        return [label(devices[i] as FoundDevice), ...shown]
      },
    ),
  ]
}

/** Returns the row of an interface that `vnet node` does not attach to again. */
function awayRow(name: string): string[] {
  const why = 'vnet node ended twice while a frame of it was in work: attach it again'
  return [name, 'attach', 'away', '-', '-', '-', why]
}

/** Returns the text of both directions, or of each if they differ. */
function wireText({ ab, ba }: WireInfo['text']): string {
  if (ab === ba) return ab || 'off'
  return `ab ${ab || 'off'}, ba ${ba || 'off'}`
}

/** `vnet show IF`: one interface in full. */
export function show(name: string, { json, user }: QueryOptions, io: Io): Promise<number> {
  const print = async (client: ControlClient, device: FoundDevice) => {
    const params = (await driverParams(client, device)) ?? []
    const parts = await client.parts(device.vnet, device)
    const scenario = await supported(() => client.scenario(device.vnet, device))
    const fields = await listed(client, device)
    if (json) {
      const values = Object.fromEntries(params.map(each => [each.name, each.value]))
      const shown = { event: 'show', ...fields, params: values, parts, scenario: scenario ?? null }
      io.out(`${JSON.stringify(shown)}\n`)
      return
    }
    const groups: readonly Group[] = [
      [label(device), deviceRows(device, fields)],
      ['parameters', params.map(paramRow)],
      ['scenario', scenario === undefined ? [] : scenarioRows(scenario)],
      ['parts', parts.map(part => [part.name, partText(part)])],
    ]
    for (const [heading, pairs] of groups) {
      const shown = pairs.filter(([, word]) => (word ?? '') !== '')
      if (shown.length === 0) continue
      for (const line of [
        heading,
        ...alignLeft(shown.map(([key, word]) => [`  ${key}`, `${word}`])),
      ]) {
        io.out(`${line}\n`)
      }
    }
  }
  return askInterface(name, io, print, { user })
}

/** Lines of `vnet show` below a heading. Those without a value are left out. */
type Group = readonly [
  heading: string,
  pairs: readonly (readonly (string | number | null | undefined)[])[],
]

function deviceRows(device: FoundDevice, fields: Listed): Group[1] {
  const { addresses, wire, seed } = fields
  return [
    ['driver', fields.driver],
    ['state', fields.state],
    ['address', addresses?.join(' ') ?? null],
    ['peer', fields.peer],
    ['owner', ownerLabel(device)],
    ['wire', wire && wireText(wire)],
    ['only', fields.only],
    ['seed', wire?.ab || wire?.ba ? seed : null],
    ['drops', fields.drops],
    [BYPASSED, fields.bypassed || null],
    ['mac', fields.mac],
    ['mtu', fields.mtu],
    ['queues', `${fields.txqs} tx, ${fields.rxqs} rx`],
    ['netns', fields.netns],
    ['pid', fields.pid],
    ['socket', fields.vnet],
  ]
}

/**
 * Returns the driver's parameters; undefined if the vnet has no driver. If each direction of its
 * wire has a parameter, the one for both is left out.
 */
function driverParams(
  client: ControlClient,
  device: FoundDevice,
): Promise<DriverParam[] | undefined> {
  return supported(async () => {
    const found = await client.params(device.vnet, device)
    const hasDirections = found.some(({ name }) => name === 'wireAb' || name === 'wireIn')
    return found.filter(({ name }) => name !== 'wire' || !hasDirections)
  })
}

/** Returns a line for how far a scenario is, and one for each step. */
function scenarioRows({ started, repeat, steps }: ScenarioInfo): string[][] {
  const time = (ms: number, digits?: number) =>
    formatDuration(ms * NSEC_PER_MSEC, digits === undefined ? {} : { digits })
  const now =
    started === undefined ? 'not started' : `${time(Date.now() - started, 3)} after its start`
  const rounds = repeat === undefined ? '' : `, repeats every ${time(repeat)}`
  return [['now', `${now}${rounds}`], ...steps.map(({ at, text }) => [`at ${time(at)}`, text])]
}

/** Returns `3 of 256, stopped, 17`: frames in the part, its state, how often it was used. */
function partText({ kind, length, capacity, state, count }: PartInfo): string {
  const frames = capacity === undefined ? length : `${length} of ${capacity}`
  const parts = [frames, state, count === undefined ? undefined : `${count} times`]
  return `${kind}: ${parts.filter(part => part !== undefined).join(', ')}`
}

/** `vnet param IF [NAME[=VALUE]]`: shows all parameters of the driver or one, or sets one. */
export function showOrSetParam(
  name: string,
  which: string | undefined,
  options: NamesOptions,
  io: Io,
): Promise<number> {
  if (options.names && which !== undefined) {
    throw new UsageError('param: --names lists all: leave out NAME')
  }
  const ask = async (client: ControlClient, device: FoundDevice) => {
    const json = (object: object) => io.out(`${JSON.stringify({ event: 'param', ...object })}\n`)
    const { vnet } = device
    if (which === undefined) {
      const params = await client.params(vnet, device)
      const lines = options.names ? params.map(each => optionName(each.name)) : paramTable(params)
      if (options.json) {
        json({ params: params.map(paramFields) })
      } else {
        for (const line of lines) {
          io.out(`${line}\n`)
        }
      }
      return
    }
    const [, written = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(which) ?? []
    // The name of the protocol is accepted too: poolSize.
    const param = written.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    if (value !== undefined) {
      await client.setParam(vnet, device, param, value)
      if (options.json) {
        json({ name: param, value })
      }
    } else {
      const found = await client.param(vnet, device, param)
      if (options.json) {
        json(paramFields(found))
      } else {
        io.out(`${found.value}\n`)
      }
    }
  }
  return askInterface(name, io, ask, options)
}

function paramRow({ name, value, type }: DriverParam): string[] {
  const onOff = value === '0' ? 'off' : 'on'
  return [optionName(name), type === 'bool' ? onOff : value]
}

const paramFields = ({ range, ...param }: DriverParam) => ({
  ...param,
  range: range ?? null,
})

/** Parameters that are the wire's. */
const OF_WIRE = ['wire', 'wireAb', 'wireBa', 'wireIn', 'wireOut', 'only']

const fixedText = (name: string): string =>
  OF_WIRE.includes(name) ? '`vnet wire` changes it' : 'cannot change while running'

function paramTable(params: readonly DriverParam[]): string[] {
  const notes = ({ name, description, range, live }: DriverParam) =>
    [
      description,
      range === undefined ? '' : ` (${range})`,
      live ? '' : `; ${fixedText(name)}`,
    ].join('')
  return alignLeft(params.map(param => [`${optionName(param.name)}=${param.value}`, notes(param)]))
}

interface FaultsOptions extends Pick<QueryOptions, 'json'> {
  readonly queue: number | undefined
}

/** `vnet trigger IF`: the faults of its driver, one a line. */
export function listFaults(name: string, { json, queue }: FaultsOptions, io: Io): Promise<number> {
  if (queue !== undefined) throw new UsageError('trigger: --queue needs a FAULT')
  return askInterface(name, io, async (_, device) => {
    const { faults, netns = null } = device
    const refusal = (why: string) =>
      new VnetError(EOPNOTSUPP, ['TRIGGER', ''], `the driver of ${name} ${why}`)
    if (faults === undefined) throw refusal('does not list its faults')
    if (faults.length === 0) throw refusal('has no faults to trigger')
    if (json) {
      io.out(`${JSON.stringify({ event: 'trigger', name: device.name, netns, faults })}\n`)
    } else {
      io.out(faults.map(fault => `${fault}\n`).join(''))
    }
  })
}

/**
 * `vnet ioctl IF N [HEX]`: SIOCDEVPRIVATE + N. ifr_data points to `given`, with zeros after it up
 * to `length`. Throws a UsageError if `given` is longer than that, and a VnetError for a refusal of
 * the driver.
 */
export function ioctl(
  name: string,
  number: number,
  given: Uint8Array | undefined,
  {
    json,
    length = given?.length,
  }: Pick<QueryOptions, 'json'> & { readonly length: number | undefined },
  io: Io,
): Promise<number> {
  if (length !== undefined && given !== undefined && length < given.length) {
    throw new UsageError(`--length ${length}: HEX has ${given.length} bytes`)
  }
  const data = length === undefined ? undefined : new Uint8Array(length)
  data?.set(given ?? [])
  return askInterface(name, io, async (client, device) => {
    const reply = await client.ioctl(device.vnet, device, { cmd: SIOCDEVPRIVATE + number, data })
    if (reply.result < 0) throw new VnetError(reply.result, `SIOCDEVPRIVATE + ${number} of ${name}`)
    const ifr = hex(reply.ifreq.subarray(IFR_IFRU))
    const fields = {
      result: reply.result,
      ifr,
      data: reply.data === undefined ? null : hex(reply.data),
    }
    if (json) {
      io.out(`${JSON.stringify({ event: 'ioctl', ...fields })}\n`)
    } else {
      for (const [key, value] of Object.entries(fields)) {
        if (value !== null) {
          io.out(`${`${key} ${value}`.trimEnd()}\n`)
        }
      }
    }
  })
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
