/** `vnet param IF [NAME[=VALUE]]`: the parameters of its driver, one of them, or another value for that. */
import type { DriverParam } from '../../control/index.ts'
import { alignLeft } from '../align.ts'
import { askInterface } from '../ask.ts'
import { EXIT_OK, type Io } from '../io.ts'

export interface ParamOptions {
  readonly json?: boolean
  /** The names alone, one a line. */
  readonly names?: boolean
}

export function param(name: string, which: string | undefined, options: ParamOptions, io: Io): Promise<number> {
  return askInterface('vnet param', name, io, async (client, device) => {
    const json = (object: object) => io.out(`${JSON.stringify({ event: 'param', ...object })}\n`)
    const { port } = device
    if (which === undefined) {
      const params = await client.params(port, device)
      if (options.json) json({ params: params.map(words) })
      else for (const line of options.names ? params.map(({ name }) => name) : table(params)) io.out(`${line}\n`)
      return EXIT_OK
    }
    const [, written = '', value] = /^([^=]*)(?:=(.*))?$/s.exec(which) ?? []
    // As the option is written: `pool-size` is poolSize.
    const own = written.replace(/-(.)/g, (_, letter: string) => letter.toUpperCase())
    if (value !== undefined) await client.setParam(port, device, own, value)
    else {
      const found = await client.param(port, device, own)
      if (options.json) json(words(found))
      else io.out(`${found.value}\n`)
    }
    return EXIT_OK
  })
}

function words({ range, ...param }: DriverParam) {
  return { ...param, range: range ?? null }
}

function table(params: readonly DriverParam[]): string[] {
  const notes = ({ description, range, live }: DriverParam) =>
    [description, range === undefined ? '' : ` (${range})`, live ? '' : '; not while running'].join('')
  return alignLeft(params.map(param => [`${param.name}=${param.value}`, notes(param)]))
}
