/** The code of the commands in commands.json. Each loads the rest of it when it runs. */
import { durationOf, NSEC_PER_MSEC, UsageError } from '../../base/index.ts'
import type { ControlClient, FoundDevice } from '../../control/index.ts'
import { NLA_PAYLOAD_MAX } from '../../netlink/message.ts'
import { commandsOf, InvalidArgumentError, type LazyCommand, type Parsers } from '../parse/option.ts'
import { count, PARSERS, time, wholeNumber } from '../parse/options.ts'
import type { Io } from '../process/io.ts'
import texts from './commands.json' with { type: 'json' }

/** VNET_IOCTL_DATA_MAX of the family: loading that module would take time at each start. */
const IOCTL_DATA_MAX = 16_384

const parsers: Parsers = {
  ...PARSERS,
  '<N>': wholeNumber(0, 15),
  '[HEX]': hex,
  '--length <n>': wholeNumber(1, IOCTL_DATA_MAX),
  '--watch <time>': interval,
  '--every <time>': interval,
  '--queue <n>': count,
  '--drops <n>': count,
  '--snaplen <bytes>': count,
  '--seed <n>': wholeNumber(1, Number.MAX_SAFE_INTEGER),
  '--time <time>': durationOf,
  '--interval <time>': durationOf,
  '--limit <n>': wholeNumber(1, Number.MAX_SAFE_INTEGER),
  '--pps <n>': wholeNumber(1, 1_000_000_000),
}

const queries = () => import('./queries.ts')

/** The commands that need no driver. */
export const controlCommands: readonly LazyCommand[] = commandsOf(
  texts.commands,
  {
    list: async (io, options) => (await queries()).list(options, io),
    show: async (io, name, options) => (await queries()).show(name, options, io),
    stats: async (io, names, options) => (await import('./stats.ts')).stats(names, options, io),
    reset: change('reset', 'resetStats'),
    ioctl: async (io, name, n, data, options) => (await queries()).ioctl(name, n, data, options, io),
    cut: change('cut'),
    plug: change('plug'),
    carrier(io, name, state, options) {
      const set: DeviceRequest = (client, device) => client.setCarrier(device.vnet, device, state === 'on')
      return request(io, name, set, 'carrier', options)
    },
    wire: async (io, name, spec, options) => (await import('./wire.ts')).wire(name, spec, options, io),
    param: async (io, name, which, options) => (await queries()).param(name, which, options, io),
    async trigger(io, name, fault, options) {
      if (fault === undefined) return (await queries()).faults(name, options, io)
      const trigger: DeviceRequest = (client, device) => client.trigger(device.vnet, device, fault, options.queue)
      return request(io, name, trigger, 'trigger', options)
    },
    step: async (io, name, mode, options) => (await import('./step.ts')).step(name, mode, options, io),
    events: async (io, names, options) => (await import('./events.ts')).events(names, options, io),
    capture: async (io, words, options) => (await import('./capture.ts')).capture(words, options, io),
    frames: async (io, names, options) => (await import('./frames.ts')).frames(names, options, io),
    extcap: async (io, options) => (await import('./extcap.ts')).extcap(options, io),
    node: async (io, options) => (await import('./node.ts')).node(options, io),
    detach: async (io, name, options) => (await import('./attach-options.ts')).detach(name, options, io),
    simulate: async (io, file, options) => (await import('./simulate.ts')).simulate(file, options, io),
    record: async (io, target, options) => (await import('./record.ts')).record(target, options, io),
    replay: async (io, file, options) => (await import('./replay.ts')).replay(file, options, io),
    rootless: async (_, command, args, options) =>
      (await import('./rootless.ts')).rootless([command, ...args], options),
    doctor: async (io, options) => (await import('./doctor.ts')).doctor(options, io),
  },
  parsers,
)

/** Returns a command that makes one request about an interface: by default, of its own name. */
function change(name: string, method = name as 'resetStats' | 'cut' | 'plug'): LazyCommand['run'] {
  const make: DeviceRequest = (client, device) => client[method](device.vnet, device)
  return (io, device, options) => request(io, device, make, name, options)
}

type DeviceRequest = (client: ControlClient, device: FoundDevice) => Promise<void>

/** Makes one request about the interface `name`. Returns the exit status. */
async function request(io: Io, name: string, make: DeviceRequest, event: string, { json }: { json?: boolean }) {
  const ask = async (client: ControlClient, device: FoundDevice) => {
    await make(client, device)
    if (json) io.out(`${JSON.stringify({ event, name: device.name, netns: device.netns ?? null })}\n`)
  }
  return (await import('../ask.ts')).askInterface(name, io, ask)
}

/** Parses a time with its unit, in the range of setTimeout. Returns milliseconds. */
function interval(text: string): number {
  const rule = 'must be a time with its unit, such as 500ms, 1s or 2min'
  return time(rule, NSEC_PER_MSEC, 0x7fff_ffff * NSEC_PER_MSEC)(text) / NSEC_PER_MSEC
}

/** Parses `0a0b`, `0a:0b` or `0x0a0b`. */
function hex(text: string): Uint8Array {
  const digits = text.replace(/^0x/i, '').replaceAll(':', '')
  if (!/^([0-9a-f]{2})*$/i.test(digits))
    throw new InvalidArgumentError('must be two hexadecimal digits a byte, such as 0a0b')
  if (digits.length / 2 > NLA_PAYLOAD_MAX) throw new UsageError(`HEX: at most ${NLA_PAYLOAD_MAX} bytes`)
  return Uint8Array.from(Buffer.from(digits, 'hex'))
}
