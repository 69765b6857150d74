/** The commands of inet. Each loads its code when it runs. */
import { commandsOf, InvalidArgumentError, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { wholeNumber } from 'vnet/internal/cli/parse/options'
import { parseAddress } from 'vnet/internal/packet/address'
import texts from './commands.json' with { type: 'json' }

function addresses(text: string, before: readonly Uint8Array[] = []): readonly Uint8Array[] {
  const address = parseAddress(text)
  if (address === undefined) throw new InvalidArgumentError('must be an address such as 192.0.2.2 or 2001:db8::2')
  if (before.some(({ length }) => length === address.length))
    throw new InvalidArgumentError('must be one address of IPv4, one of IPv6, or both')
  return [...before, address]
}

function controlPort(text: string): { readonly host: string; readonly port: number } {
  const [, host = '127.0.0.1', port] = /^(?:(.+):)?(\d{1,5})$/.exec(text) ?? []
  if (port === undefined || Number(port) > 0xffff) throw new InvalidArgumentError('must be [HOST:]PORT, such as 7000')
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: Number(port) }
}

export const commands: readonly LazyCommand[] = commandsOf(
  texts,
  { conform: async (io, name, options) => (await import('./conform.ts')).conform(name, options, io) },
  {
    '--address <address>': addresses,
    '--peer <address>': addresses,
    '--control <[host:]port>': controlPort,
    '--pace <ms>': wholeNumber(0, 60_000),
  },
)
