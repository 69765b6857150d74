/** The commands of labs. Each loads its code when it runs. */
import { guestOptions } from '@vnet/guest/internal/commands/index'
import { NSEC_PER_MSEC } from 'vnet/internal/base/clock'
import { commandsOf, InvalidArgumentError, type LazyCommand } from 'vnet/internal/cli/parse/option'
import { collect, duration, PARSERS, wholeNumber } from 'vnet/internal/cli/parse/options'
import texts from './commands.json' with { type: 'json' }

const hosts = () => import('./lab-hosts.ts')

/** Options with a list may be given more than once. */
const listed = (text: string, before: readonly string[] = []) => [
  ...before,
  ...text.split(',').map(each => each.trim()),
]
const number = wholeNumber(1, Number.MAX_SAFE_INTEGER)
const lengths = (text: string, before: readonly number[] = []) => [...before, ...listed(text).map(number)]
const inMs = (text: string) => duration(text) / NSEC_PER_MSEC

/** An empty value comes from a variable that is not set. */
const filled = (text: string) => {
  if (text.trim() === '') throw new InvalidArgumentError('must not be empty; without the option, nothing is impaired')
  return text
}
const named = (text: string) => {
  if (text.trim() === '') throw new InvalidArgumentError('must be the name of a file')
  return text
}
const fileName = (text: string) => {
  if (named(text) === '-') throw new InvalidArgumentError("must be a file: standard output is the command's")
  return text
}
const port = collect(wholeNumber(1, 65_535))

const made = commandsOf(
  texts,
  {
    run: async (io, command, options) => (await import('../run/run.ts')).run(command, options, io),
    lab: async (io, file, command, options) => (await import('./lab.ts')).lab(file, command, options, io),
    host: async (io, name, options) => (await import('./host.ts')).host(name, options, io),
    toxiproxy: async (io, options) => (await import('../toxiproxy/toxiproxy.ts')).toxiproxy(options, io),
    explore: async (io, file, command, options) =>
      (await import('./explore.ts')).exploreCommand(file, command, options, io),
    'test-from': async (io, file, options) => (await import('./test-from.ts')).testFrom(file, options, io),
    check: async (io, file) => (await import('./lab.ts')).checkLab(file, io),
    list: async (io, options) => (await hosts()).listLabs(options, io),
    exec: async (io, host, command, options) => (await hosts()).execInHost(host, command, options, io),
    shell: async (io, host, options) => (await hosts()).execInHost(host, [process.env.SHELL || '/bin/sh'], options, io),
  },
  {
    '--user <user>': PARSERS['--user <user>'],
    '--seed <n>': wholeNumber(0, Number.MAX_SAFE_INTEGER),
    '--mtu <n>': wholeNumber(68, 65_520),
    '--wire <text>': filled,
    '--wire-out <text>': filled,
    '--wire-in <text>': filled,
    '--drop <filter>': filled,
    '--after <time>': inMs,
    '--delay <time>': inMs,
    '--budget <time>': inMs,
    '--timeout <time>': inMs,
    '--rto-min <time>': inMs,
    '--nth <n>': number,
    '--first <n>': number,
    '--every <n>': number,
    '--repeat <n>': number,
    '--schedules <n>': number,
    '--concurrency <n>': number,
    '--stop-at <n>': number,
    '--depth <n>': wholeNumber(1, 2),
    '--bursts <list>': lengths,
    '--faults <list>': listed,
    '--links <list>': listed,
    '--localhost <port>': port,
    '--publish <port>': port,
    '--host <address>': filled,
    '--port <n>': wholeNumber(0, 65_535),
    '--allow-host <name>': listed,
    '--address <cidr>': collect(String),
    '--stop-at <place>': collect(String),
    '--repeat <fault>': collect(String),
    '--scenario <file>': named,
    '--config <file>': fileName,
    '--capture <file>': fileName,
    '--json <file>': fileName,
    '--write <file>': fileName,
    '--client <file>': fileName,
    '--server <file>': fileName,
  },
)

export const commands: readonly LazyCommand[] = made.map(each =>
  each.name === 'lab' ? { ...each, options: [...(each.options ?? []), ...guestOptions] } : each,
)
