/** `vnet show IF`: one interface, and the parameters of its driver. */
import type { ControlClient, DriverParam, FoundDevice } from '../../control/index.ts'
import { EOPNOTSUPP, isErrno } from '../../core/errno.ts'
import { alignLeft } from '../align.ts'
import { type AskOptions, askInterface } from '../ask.ts'
import { deviceWords } from '../device-words.ts'
import { EXIT_OK, type Io } from '../io.ts'
import { label } from '../label.ts'

export interface ShowOptions extends AskOptions {
  readonly json?: boolean
}

export function show(name: string, { json, user }: ShowOptions, io: Io): Promise<number> {
  const ask = async (client: ControlClient, device: FoundDevice) => {
    const found = await params(client, device)
    const words = deviceWords(device)
    if (json) {
      const params = Object.fromEntries(found.map(({ name, value }) => [name, value]))
      io.out(`${JSON.stringify({ event: 'show', ...words, params })}\n`)
    } else {
      const rows = Object.entries(words).filter(([key, word]) => key !== 'name' && word !== null)
      const lines = alignLeft([
        ...rows.map(([key, word]) => [`  ${key}`, `${word}`]),
        ...found.map(({ name, value }) => [`  ${name}`, value]),
      ])
      for (const line of [label(device), ...lines]) io.out(`${line}\n`)
    }
    return EXIT_OK
  }
  return askInterface('vnet show', name, io, ask, { user })
}

/** An older vnet has none to tell. */
async function params(client: ControlClient, device: FoundDevice): Promise<DriverParam[]> {
  try {
    return await client.params(device.vnet, device)
  } catch (error) {
    if (isErrno(error, EOPNOTSUPP)) return []
    throw error
  }
}
