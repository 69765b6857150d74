/** Live checks on the learner's module, in a virtual machine. */
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { fail, type KernelCard, type LiveStatistics } from '../exercise.ts'
import { type LivePlace, runProgram, type Started, VnetProcess } from '../live.ts'
import { type Guest, GuestEnded } from './guest.ts'
import type { GuestEnd } from './wire.ts'

/** src/kernel and dist/kernel are equally deep. */
const WIRE = fileURLToPath(new URL('../../dist/kernel/wire.js', import.meta.url))

/** Milliseconds between looks at the counters, how many must be equal, and how many at most. */
const SETTLE_MS = 100
const SETTLED = 10
const SETTLE_MAX = 200

const camelCase = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())

/** The addresses of a module's interfaces, in order: a module has none, its user adds them. */
export type Addresses = readonly string[]

/** A module that live checks load, by its name; `directory` is its file's. */
export interface GuestModule {
  readonly name: string
  readonly addresses: Addresses
  readonly directory: string
  readonly card: KernelCard | undefined
}

/** Live checks on a module. */
export function onGuest(guest: Guest, module: GuestModule): LivePlace {
  const { name, directory } = module
  return {
    broken: guest.ended,
    start: args => new StartedModule(guest, module, args),
    /** The commands of `vnet` ask the module; `ip link set` also sets its interface. */
    async run(program, args) {
      if (program === 'vnet') {
        try {
          return { status: 0, stdout: await replyOf(guest, name, args), stderr: '' }
        } catch (error) {
          if (error instanceof GuestEnded) throw error
          return {
            status: 1,
            stdout: '',
            stderr: error instanceof Error ? error.message : String(error),
          }
        }
      }
      const result = await runProgram(program, args, directory)
      const [link, set, dev = '', state = ''] = args
      if (
        program === 'ip' &&
        link === 'link' &&
        set === 'set' &&
        (state === 'up' || state === 'down')
      ) {
        await guest.command('link', dev, state === 'up' ? '1' : '0')
      }
      return result
    },
  }
}

/** Returns what a command of vnet prints. */
async function replyOf(guest: Guest, module: string, args: readonly string[]): Promise<string> {
  const [verb, name = '', ...rest] = args
  if (verb === 'stats') {
    const lines = (await guest.command('stats')).map(line => line.split(' '))
    return lines.map(([, , field, value]) => `${field} ${value}\n`).join('')
  }
  if (verb === 'param') {
    for (const setting of rest) {
      const [param = '', value = ''] = setting.split('=')
      await guest.command('param', module, param, value)
    }
    return ''
  }
  if (verb === 'ioctl') {
    const [number = '0', hex = ''] = rest
    const length = rest[rest.indexOf('--length') + 1] ?? '0'
    const [data = ''] = await guest.command('ioctl', name, number, hex, length)
    return JSON.stringify({ data: data.slice('data '.length) })
  }
  throw new Error(`no virtual machine runs vnet ${verb}`)
}

/** `['--pool-size', '8', '--plain']` as parameters of insmod, without those that it `lacks`. */
export function moduleParams(args: readonly string[], lacks: readonly string[] = []): string[] {
  return args.flatMap((arg, i) => {
    if (!arg.startsWith('--') || lacks.includes(arg.slice(2))) return []
    const value = args[i + 1] ?? '--'
    return `${arg.slice(2).replaceAll('-', '_')}=${value.startsWith('--') ? '1' : value}`
  })
}

/** `['a/sw0']`: the interface arguments. */
const places = (args: readonly string[]): string[] =>
  args.filter((arg, i) => !arg.startsWith('--') && !args[i - 1]?.startsWith('--'))

/** The loaded module and the outer ends of its wires. */
class StartedModule implements Started {
  interfaces: readonly string[] = []
  readonly #guest: Guest
  readonly #module: GuestModule
  readonly ready: Promise<void>
  #from = 0
  #wires: VnetProcess | undefined
  #stopped: Promise<readonly LiveStatistics[]> | undefined

  constructor(guest: Guest, module: GuestModule, args: readonly string[]) {
    this.#guest = guest
    this.#module = module
    this.ready = this.#load(args)
    this.ready.catch(() => {})
  }

  get log(): readonly string[] {
    return this.#guest.console.slice(this.#from).split('\n')
  }

  get complaints(): readonly string[] {
    return [...(this.#wires?.complaints ?? []), ...complaintsIn(this.log.join('\n'))]
  }

  async #load(args: readonly string[]): Promise<void> {
    const { addresses, card } = this.#module
    await this.#guest.started
    this.#from = this.#guest.console.length
    const params = moduleParams(args, card?.ofModel)
    const lines = await this.#guest.command('load', ...params).catch(error => {
      if (error instanceof GuestEnded) throw error
      return fail({
        seen: (error as Error).message,
        expected: 'the module loads, and its interfaces come up',
      })
    })
    const [given, all] = [places(args), lines.map(line => line.split(' '))]
    const ends: GuestEnd[] = all.map(([name = '', mac = '', , isNoArp], i) => ({
      name: given[i] ?? name,
      mac,
      isNoArp: isNoArp === '1',
      addresses: addresses[i] === undefined ? [] : [addresses[i]],
    }))
    if (ends.length === 0) {
      fail({ seen: 'the module has no interface', expected: 'register_netdev in module_init' })
    }
    this.interfaces = all.map(([name = '']) => name)
    this.#wires = new VnetProcess(WIRE, [
      '--sockets',
      this.#guest.sockets,
      '--ends',
      JSON.stringify(ends),
      ...(card === undefined ? [] : ['--cable', this.#guest.cable]),
      ...(card?.sendsOnly ? ['--sends-only'] : []),
    ])
    await this.#wires.ready
  }

  stop(): Promise<readonly LiveStatistics[]> {
    this.#stopped ??= this.#stop()
    return this.#stopped
  }

  /** Waits until frames in flight have reached the module. */
  async #settle(): Promise<void> {
    let [before, quiet] = ['', 0]
    for (let i = 0; i < SETTLE_MAX && quiet < SETTLED; i++) {
      const now = (await this.#guest.command('stats'))
        .filter(line => line.includes('_packets '))
        .join()
      quiet = now === before ? quiet + 1 : 0
      before = now
      await sleep(SETTLE_MS)
    }
  }

  async #stop(): Promise<readonly LiveStatistics[]> {
    try {
      await this.ready
    } catch {
      await this.#wires?.stop()
      return []
    }
    await this.#settle()
    await this.#wires?.stop()
    return statisticsOf(await this.#guest.command('unload', this.#module.name), this.interfaces)
  }
}

/** Reads the lines `stat NAME FIELD VALUE`, `private NAME FIELD VALUE` and `drop REASON`. */
function statisticsOf(lines: readonly string[], names: readonly string[]): LiveStatistics[] {
  const drops: Record<string, number> = {}
  for (const line of lines) {
    const reason = /^drop (.+)$/.exec(line)?.[1]
    if (reason !== undefined) {
      drops[reason] = (drops[reason] ?? 0) + 1
    }
  }
  return names.map((name, index) => {
    const total: Record<string, number> = {}
    const queues: Record<string, number>[] = []
    for (const [kind, owner, field = '', value] of lines.map(line => line.split(' '))) {
      if (owner !== name) continue
      if (kind === 'stat') {
        total[camelCase(field)] = Number(value)
      }
      // As other drivers name them: tx_queue_0_packets.
      const [, direction, queue, what] = /^(tx|rx)_queue_(\d+)_(\w+)$/.exec(field) ?? []
      if (kind !== 'private' || queue === undefined) continue
      queues[Number(queue)] ??= {}
      ;(queues[Number(queue)] as Record<string, number>)[camelCase(`${direction}_${what}`)] =
        Number(value)
    }
    return { name, total, queues, drops: { tx: index === 0 ? drops : {}, rx: {} } }
  })
}

/** The kernel's lines that start a report, after the time. */
const REPORT =
  /^(?:BUG: |Oops: |general protection fault|WARNING: |kernel BUG at|watchdog: BUG: |Kernel panic|list_(?:add|del) corruption|INFO: |rcu: INFO: )/
/** Reports that end the kernel, because of oops=panic and softlockup_panic. */
const FATAL = /^(?!WARNING: |INFO: |rcu: )/
/** Lines of the kernel's own that have no importance here. */
const USUAL =
  /loading out-of-tree module|module verification failed|^random: |^tsc: |^clocksource: |^process '|^NETDEV WATCHDOG/
const TIME = /^(?:<\d>)?\[ *\d+\.\d+\](?:\[ *[CT]\d+\])? /

const withoutTime = (line: string): string => line.replace(TIME, '').trim()

/**
 * Returns the reports of a console, in order: what is reported, such as `BUG: kernel NULL pointer
 * dereference`, and its places in the module, innermost first: `ring_start_xmit+0x1a/0x80`.
 */
export function reportsIn(console: string, module: string) {
  const reports: { what: string; isFatal: boolean; places: string[] }[] = []
  const place = /^(RIP: \w+:)?(\? )?([\w.]+\+0x[0-9a-f]+\/0x[0-9a-f]+)(?: \[(\w+)[^\]]*\])?/
  for (const line of console.split('\n').map(withoutTime)) {
    if (REPORT.test(line)) {
      const last = reports.at(-1)
      // One oops prints several of them.
      if (last?.isFatal) continue
      reports.push({ what: line, isFatal: FATAL.test(line), places: [] })
    }
    const [, , unsure, where, owner] = place.exec(line) ?? []
    if (where !== undefined && owner === module && unsure === undefined) {
      reports.at(-1)?.places.push(where)
    }
  }
  return reports
}

/** Returns the warnings and errors that the module itself printed, each once. */
export function complaintsIn(console: string): string[] {
  const lines = console.split('\n').filter(line => TIME.test(line))
  // A report has many lines, all of which are explained together.
  const end = lines.findIndex(
    line => REPORT.test(withoutTime(line)) || line.includes('------------['),
  )
  const before = (end === -1 ? lines : lines.slice(0, end)).map(withoutTime)
  return [...new Set(before)].filter(line => line !== '' && !USUAL.test(line))
}

/** Returns `FILE:LINE` of a place in the module `ko`; undefined without debug information of it. */
export function lineOf(place: string, ko: string, file: string): string | undefined {
  const [, symbol, offset] = /^([\w.]+)\+(0x[0-9a-f]+)\//.exec(place) ?? []
  if (symbol === undefined || offset === undefined) return undefined
  const symbols = spawnSync('objdump', ['-t', ko], { encoding: 'utf8' }).stdout
  // VALUE FLAGS SECTION SIZE NAME
  const found = new RegExp(
    `^([0-9a-f]+) .{7} (\\S+)\\s+[0-9a-f]+ (?:\\.hidden )?${symbol.replaceAll('.', '\\.')}$`,
    'm',
  ).exec(symbols)
  if (found === null) return undefined
  const [, value = '0', section = '.text'] = found
  const at = Number.parseInt(value, 16) + Number(offset)
  const { stdout } = spawnSync(
    'addr2line',
    ['-i', '-j', section, '-e', ko, `0x${at.toString(16)}`],
    {
      encoding: 'utf8',
    },
  )
  // Inlined functions come first: lines of headers mean nothing to a learner.
  const name = file.slice(file.lastIndexOf('/') + 1)
  const line = stdout.split('\n').find(each => each.includes(`/${name}:`) && !each.endsWith('?'))
  return line === undefined ? undefined : `${file}:${/:(\d+)/.exec(line)?.[1]}`
}
