/** `vnet param IF [NAME[=VALUE]]`: the parameters of its driver, one of them, or another value for that. */
import type { ControlClient, DriverParam, FoundDevice } from '../../control/index.ts'
import { alignLeft } from '../align.ts'
import { type AskOptions, askInterface } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export interface ParamOptions extends AskOptions {
  readonly json?: boolean
  /** The names alone, one a line. */
  readonly names?: boolean
}

export function param(name: string, which: string | undefined, options: ParamOptions, io: Io): Promise<number> {
  const ask = async (client: ControlClient, device: FoundDevice) => {
    const json = (object: object) => io.out(`${JSON.stringify({ event: 'param', ...object })}\n`)
    const { vnet } = device
    if (which === undefined) {
      const params = await client.params(vnet, device)
      if (options.json) json({ params: params.map(words) })
      else for (const line of options.names ? params.map(({ name }) => name) : table(params)) io.out(`${line}\n`)
      return EXIT_OK
    }
    const [, written = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(which) ?? []
    // As the option is written: `pool-size` is poolSize.
    const own = written.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    if (value !== undefined) await client.setParam(vnet, device, own, value)
    else {
      const found = await client.param(vnet, device, own)
      if (options.json) json(words(found))
      else io.out(`${found.value}\n`)
    }
    return EXIT_OK
  }
  return askInterface('vnet param', name, io, ask, options)
}

function words({ range, ...param }: DriverParam) {
  return { ...param, range: range ?? null }
}

function table(params: readonly DriverParam[]): string[] {
  const notes = ({ description, range, live }: DriverParam) =>
    [description, range === undefined ? '' : ` (${range})`, live ? '' : '; not while running'].join('')
  return alignLeft(params.map(param => [`${param.name}=${param.value}`, notes(param)]))
}
