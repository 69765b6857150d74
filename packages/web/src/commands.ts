/** The changes that a page makes: each is a command of the control plane. */
import { attempt, explain, UsageError, VnetError } from 'vnet'
import type { ControlClient, FoundDevice } from 'vnet/control'
import { clientResources, type WireChange, wireChange } from 'vnet/kit/control'
import { compileNumericFilter } from 'vnet/kit/net'
import type { CommandRequest, CommandResult, PageCommand } from './feed-types.ts'

/** Numbers are sent in 32 bits. A larger one would become another number. */
const U32_MAX = 0xffffffff

/** The fields of each command; `?` marks optional ones. */
const FIELDS: { readonly [D in PageCommand['do']]: Readonly<Record<string, string>> } = {
  cut: {},
  plug: {},
  reset: {},
  carrier: { on: 'boolean' },
  param: { name: 'string', value: 'string' },
  trigger: { fault: 'string', queue: 'number?' },
  wire: { text: 'string?', direction: 'string?' },
  'check-wire': { text: 'string' },
  filter: { text: 'string' },
  step: { mode: 'string', every: 'number?', count: 'number?' },
}

const CHOICES: Readonly<Record<string, readonly unknown[]>> = {
  direction: ['ab', 'ba', undefined],
  mode: ['on', 'off', 'next'],
}

/** Parses the body of a request. Returns undefined if it is malformed. */
export function parseCommand(body: string): CommandRequest | undefined {
  const value: unknown = attempt(() => JSON.parse(body))
  const { id, command } = (value ?? {}) as Record<string, unknown>
  if (typeof id !== 'string' || typeof command !== 'object' || command === null) return undefined
  const given = command as Readonly<Record<string, unknown>>
  const name = given.do
  if (typeof name !== 'string' || !Object.hasOwn(FIELDS, name)) return undefined
  const fields = FIELDS[name as PageCommand['do']]
  const isRight = Object.entries(fields).every(([field, type]) => isOfType(given[field], type))
  const isChosen = Object.entries(CHOICES).every(
    ([field, of]) => !(field in fields) || of.includes(given[field]),
  )
  return isRight && isChosen ? ({ id, command: given } as unknown as CommandRequest) : undefined
}

function isOfType(value: unknown, type: string): boolean {
  if (value === undefined) return type.endsWith('?')
  if (type.startsWith('number')) {
    return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= U32_MAX
  }
  return typeof value === type.replace('?', '')
}

/** Runs a command. A failure of the vnet, and a mistake of the user, are in the result. */
export async function runCommand(
  client: ControlClient,
  device: FoundDevice,
  command: PageCommand,
): Promise<CommandResult> {
  try {
    if (command.do === 'filter') {
      return { ok: true, program: compileNumericFilter(command.text).program.instructions }
    }
    await run(client, device, command)
    return { ok: true }
  } catch (error) {
    if (error instanceof VnetError || error instanceof UsageError) {
      return { ok: false, message: explain(error) }
    }
    throw error
  }
}

async function run(
  client: ControlClient,
  device: FoundDevice,
  command: PageCommand,
): Promise<void> {
  const { vnet } = device
  switch (command.do) {
    case 'cut':
    case 'plug':
      return client[command.do](vnet, device)
    case 'reset':
      return client.resetStats(vnet, device)
    case 'carrier':
      return client.setCarrier(vnet, device, command.on)
    case 'param':
      return client.setParam(vnet, device, command.name, command.value)
    case 'trigger':
      return client.trigger(vnet, device, command.fault, command.queue)
    case 'wire':
      return client.setWire(vnet, device, readWire(command.text, command.direction))
    case 'check-wire':
      readWire(command.text)
      return
    case 'step':
      await client.step(vnet, device, command.mode, { every: command.every, count: command.count })
  }
}

/** Throws a UsageError if the text is wrong or names a file: the token gives no file access. */
function readWire(text: string | undefined, direction?: 'ab' | 'ba'): WireChange {
  const { filter } = clientResources()
  const file = (path: string) => {
    throw new UsageError(`${path}: a page can name no file; use vnet wire`)
  }
  return wireChange(text, { direction, resources: { filter, file } })
}
