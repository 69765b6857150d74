/**
 * Runs of the program in which a preloaded library (faults.c) makes one call of the C library fail.
 * A run without a fault lists the calls that can fail.
 */
import { execFileSync, spawn } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type ErrnoName, errnoName, VnetError } from '#src/base/errno.ts'
import type { Random } from '#src/base/random.ts'
import { ControlClient } from '#src/control/index.ts'
import { loadNative } from '#src/linux/native.ts'
import { type Netns, OwnNetns } from '../netns.ts'

const PROGRAM = fileURLToPath(new URL('../../../dist/vnet.js', import.meta.url))
const SOURCE = fileURLToPath(new URL('faults.c', import.meta.url))
/** As in faults.c. */
const LOG_SIZE = 1 << 20
/**
 * A step of a run that takes this many ticks of `TICK_MS` hangs; it takes a fraction of a second.
 * Ticks are counted, so the time in which the machine or the test was stopped is not.
 */
const HANG_TICKS = 300
const TICK_MS = 100
/** ms until it is ready. */
const DEAF_MS = 5_000
/** ms until its descriptors are counted, and for them to become as few as in another run. */
const MOMENT_MS = 200
const SETTLE_MS = 10_000
/** ms to wait for a reply, which a fault may prevent. */
const ANSWER_MS = 300
/** The directory of root's vnets. */
const RUN_DIRECTORY = '/run/vnet'

export interface Fault {
  /** The call, as faults.c writes it: `ioctl 400454ca /dev/net/tun`. */
  readonly site: string
  /** The number of the call at that site, from 1. */
  readonly count: number
  readonly errno: number
}

/** The place of a run: two namespaces of its own and a directory. */
export interface Place {
  readonly near: Netns
  readonly far: Netns
  readonly directory: string
}

export interface Scenario {
  readonly name: string
  /** True if every frame is delivered or counted as dropped. Simulated hosts consume frames. */
  readonly conserves: boolean
  readonly args: (place: Place) => readonly string[]
  /** Sends frames once it is ready. Settles when they have arrived or `ended` is aborted. */
  readonly traffic: (place: Place, ended: AbortSignal) => Promise<void>
}

export interface FaultRun {
  /** The exit status, the name of the signal that ended it, or `hang` with the step. */
  readonly status: number | NodeJS.Signals | `hang: ${string}`
  readonly ready: boolean
  readonly stdout: string
  readonly stderr: string
  /** The number of calls of each site. */
  readonly sites: ReadonlyMap<string, number>
  readonly failed: boolean
  /** Files that the program opened and that are still open at a regular exit. */
  readonly leaked: readonly string[]
  /** The number of open descriptors after the traffic, 0 if it has ended. */
  readonly descriptors: number
  /** The interfaces and files that remain. */
  readonly left: readonly string[]
}

/**
 * The errors that a call can return, by its site; the first match counts. A call without an entry
 * fails only for a wrong descriptor or argument: fstat, FIONBIO, timerfd_settime.
 */
const ERRORS: readonly (readonly [RegExp, readonly ErrnoName[]])[] = [
  [/^open\+/, ['EACCES', 'EMFILE', 'ENOSPC', 'EROFS', 'EEXIST', 'EDQUOT']],
  [/^open/, ['ENOENT', 'EACCES', 'EMFILE', 'ENFILE', 'ENOMEM', 'EINTR']],
  // Only for a file that was written.
  [/^close .*\.(new|tmp)$/, ['EIO', 'ENOSPC', 'EDQUOT', 'EINTR']],
  [/^close/, ['EINTR']],
  [/^ioctl 5421/, []],
  // TUNGETIFF and TUNGETDEVNETNS: the interface was deleted.
  [/^ioctl (800454d2|54e3)/, ['EBADFD', 'EINTR']],
  [
    /^ioctl/,
    ['EPERM', 'EBUSY', 'EINVAL', 'ENOMEM', 'ENODEV', 'ENOTTY', 'EINTR', 'EBADFD', 'EOPNOTSUPP'],
  ],
  [
    /^socket /,
    ['EMFILE', 'ENFILE', 'ENOMEM', 'ENOBUFS', 'EACCES', 'EAFNOSUPPORT', 'EPROTONOSUPPORT'],
  ],
  [/^bind/, ['EADDRINUSE', 'EACCES', 'EADDRNOTAVAIL', 'ENOMEM', 'EROFS', 'EPERM']],
  [/^listen/, ['EADDRINUSE', 'EOPNOTSUPP']],
  [
    /^accept/,
    ['EMFILE', 'ENFILE', 'ECONNABORTED', 'ENOMEM', 'ENOBUFS', 'EINTR', 'EAGAIN', 'EPERM'],
  ],
  [/^connect/, ['ECONNREFUSED', 'EACCES', 'EAGAIN', 'ENOENT', 'EINTR', 'EPROTOTYPE']],
  [/^setsockopt/, ['ENOPROTOOPT', 'EPERM', 'EINVAL', 'ENOMEM', 'ENOBUFS']],
  [/^send/, ['ENOBUFS', 'ENOMEM', 'EAGAIN', 'EINTR', 'EPERM', 'ECONNREFUSED', 'EPIPE', 'ENETDOWN']],
  [/^recv/, ['ENOBUFS', 'ENOMEM', 'EAGAIN', 'EINTR', 'ECONNRESET', 'ENETDOWN']],
  [/^read .*tun$/, ['EBADFD', 'EIO', 'EINTR', 'ENOMEM', 'EFAULT', 'EINVAL']],
  [/^read/, ['EIO', 'EINTR', 'EAGAIN', 'ENOMEM', 'EISDIR']],
  [/^write .*tun$/, ['EIO', 'EBADFD', 'EINVAL', 'EAGAIN', 'ENOMEM', 'EINTR', 'ENOBUFS']],
  // Standard output and error of the test.
  [/^write socket\(1,1,0\)/, ['EPIPE', 'EINTR', 'EAGAIN', 'ECONNRESET', 'ENOBUFS']],
  [/^write/, ['EIO', 'ENOSPC', 'EINTR', 'EDQUOT', 'EFBIG']],
  [/^fsync/, ['EIO', 'ENOSPC', 'EDQUOT', 'EROFS']],
  [/^f?chmod/, ['EPERM', 'EIO', 'EROFS']],
  [/^rename/, ['EIO', 'ENOSPC', 'EACCES', 'EXDEV', 'EROFS']],
  [/^unlink/, ['EACCES', 'EBUSY', 'EIO', 'EROFS']],
  [/^mkdir/, ['EACCES', 'ENOSPC', 'EROFS', 'EEXIST']],
  [/^statx \//, ['EACCES', 'ENOMEM', 'EIO', 'ENOENT']],
  [/^setns/, ['EPERM', 'EINVAL', 'ENOMEM']],
  [/^unshare/, ['EPERM', 'ENOMEM', 'EINVAL']],
  [/^timerfd_create/, ['EMFILE', 'ENFILE', 'ENODEV', 'ENOMEM']],
  [/^epoll_create/, ['EMFILE', 'ENFILE', 'ENOMEM']],
  [/^epoll_ctl/, ['ENOMEM', 'ENOSPC', 'EPERM']],
  // libuv aborts on any other.
  [/^epoll_wait/, ['EINTR']],
  // gettid
  [/^syscall 186$/, []],
  [/^syscall/, ['EPERM', 'ENOSYS', 'EINVAL', 'EMFILE']],
]

/** The numbers of all errors, by name. Node's own list lacks some. */
const NUMBERS = new Map(Array.from({ length: 134 }, (_, number) => [errnoName(number), number]))

function errorsOf(site: string): number[] {
  const [, names = []] = ERRORS.find(([pattern]) => pattern.test(site)) ?? []
  return names.map(name => NUMBERS.get(name) as number)
}

/**
 * Draws up to `most` faults from the calls of a run: every site once before any site again, and for
 * a site every errno once before any errno again.
 */
export function drawFaults(
  sites: ReadonlyMap<string, number>,
  most: number,
  { below }: Random,
): Fault[] {
  const shuffled = <T>(list: readonly T[]): T[] => {
    const all = [...list]
    for (let i = all.length - 1; i > 0; i--) {
      const j = below(i + 1)
      ;[all[i], all[j]] = [all[j] as T, all[i] as T]
    }
    return all
  }
  const queues = shuffled([...sites]).map(([site, calls]) => {
    const counts = shuffled(Array.from({ length: calls }, (_, i) => i + 1))
    const errors = shuffled(errorsOf(site))
    return counts.flatMap((_, i) =>
      errors.map((errno, j) => ({ site, count: counts[(i + j) % calls] as number, errno })),
    )
  })
  const drawn: Fault[] = []
  for (let i = 0; drawn.length < most && queues.some(queue => i < queue.length); i++) {
    for (const queue of queues) {
      if (i < queue.length) {
        drawn.push(queue[i] as Fault)
      }
    }
  }
  return drawn.slice(0, most)
}

export class FaultLab implements Disposable {
  readonly #own = new OwnNetns()
  readonly #directory = mkdtempSync(join(tmpdir(), 'vnet-faults-'))
  readonly #library = join(this.#directory, 'faults.so')
  #places = 0

  constructor() {
    execFileSync('gcc', ['-shared', '-fPIC', '-O1', '-o', this.#library, SOURCE, '-ldl'])
  }

  place(): Place {
    const directory = join(this.#directory, `place${this.#places++}`)
    mkdirSync(directory)
    return { near: this.#own.addQuiet(), far: this.#own.addQuiet(), directory }
  }

  [Symbol.dispose](): void {
    this.#own.remove()
    rmSync(this.#directory, { recursive: true })
  }

  /**
   * Runs the program to its end, with traffic in between, while one call fails. Waits until it has
   * at most `most` descriptors, for a moment if that is 0.
   */
  async run({ args, traffic }: Scenario, place: Place, fault?: Fault, most = 0): Promise<FaultRun> {
    const log = `${place.directory}.log`
    writeFileSync(log, '')
    truncateSync(log, LOG_SIZE)
    const env = {
      ...process.env,
      LD_PRELOAD: this.#library,
      FAULT_LOG: log,
      ...(fault && { FAULT: `${fault.site}@${fault.count}@${fault.errno}` }),
    }
    const [command, ...rest] = [
      'nsenter',
      `--net=/run/netns/${place.near.name}`,
      process.execPath,
      PROGRAM,
    ]
    const child = spawn(command as string, [...rest, ...args(place)], {
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const text = { stdout: '', stderr: '' }
    let descriptors = 0
    let isReady = false
    let hang: FaultRun['status'] | undefined
    const over = new AbortController()
    let doing = 'start'
    let ticks = 0
    const begin = (step: string) => {
      doing = step
      ticks = 0
    }
    const timer = setInterval(() => {
      if (++ticks !== HANG_TICKS) return
      hang = `hang: ${doing}, ${mainThread(child.pid as number)}`
      child.kill('SIGKILL')
    }, TICK_MS)
    // If standard output fails, the ready line is missing.
    const isDeaf = fault?.site.startsWith('write socket(1,1,0)') === true
    const asked = isDeaf ? setTimeout(() => child.kill('SIGTERM'), DEAF_MS) : undefined
    const ready = new Promise<void>(resolve => {
      for (const stream of ['stdout', 'stderr'] as const) {
        child[stream].setEncoding('utf8').on('data', more => {
          text[stream] += more
          if (/^\{"event":"ready"/m.test(text.stdout)) {
            resolve()
          }
        })
      }
    }).then(async () => {
      isReady = true
      begin('traffic')
      await traffic(place, over.signal)
      begin('requests')
      await ask(child.pid as number)
      if (over.signal.aborted) return
      begin('descriptors')
      descriptors = await settled(() => descriptorsOf(child.pid as number), most)
      if (over.signal.aborted) return
      begin('SIGTERM')
      child.kill('SIGTERM')
    })
    const status = await new Promise<number | NodeJS.Signals>((resolve, reject) => {
      child.on('error', reject).on('close', (code, signal) => {
        over.abort()
        resolve(signal ?? (code as number))
      })
    })
    clearInterval(timer)
    clearTimeout(asked)
    if (isReady) {
      await ready
    }
    // A file that it could not remove may remain.
    const mayStay = fault !== undefined && /^(unlink|statx) \/run\/vnet/.test(fault.site)
    const left = [...remains(place), ...(mayStay ? [] : announced(child.pid as number))]
    for (const file of announced(child.pid as number)) {
      rmSync(join(RUN_DIRECTORY, file))
    }
    const events = readFileSync(log, 'latin1').replace(/\0.*$/s, '').split('\n').slice(0, -1)
    const sites = new Map<string, number>()
    for (const event of events) {
      if (event.startsWith('C ')) {
        sites.set(event.slice(2), (sites.get(event.slice(2)) ?? 0) + 1)
      }
    }
    return {
      ...text,
      status: hang ?? status,
      ready: isReady,
      sites,
      failed: events.some(event => event.startsWith('F ')),
      leaked: events.filter(event => event.startsWith('L ')).map(event => event.slice(2)),
      descriptors,
      left,
    }
  }
}

/**
 * Sends a few requests to the control socket, if there is one. The fault may prevent the replies.
 */
async function ask(pid: number): Promise<void> {
  const socket = announced(pid).find(name => name.endsWith('.sock'))
  if (socket === undefined) return
  const path = join(RUN_DIRECTORY, socket)
  using client = new ControlClient(loadNative(), { timeoutMs: ANSWER_MS })
  try {
    const [device] = await client.devices(path)
    if (device !== undefined) {
      await client.stats(path, device)
    }
    await client.echo(path, 'hello')
  } catch (error) {
    if (!(error instanceof VnetError)) throw error
  }
}

/**
 * Returns a count once it is at most `most`, or has been above for a while, which is long on a busy
 * machine if that is a defect; 0 if it can no longer be read.
 */
async function settled(count: () => number, most: number): Promise<number> {
  const until = performance.now() + (most === 0 ? MOMENT_MS : SETTLE_MS)
  for (;;) {
    try {
      const now = count()
      if (now <= most || performance.now() > until) return now
    } catch {
      return 0
    }
    await sleep(5)
  }
}

/**
 * Counts open descriptors, without the two sockets of a front. A front starts when a fault hides
 * the rights of a client, and runs until the end.
 */
function descriptorsOf(pid: number): number {
  const hasFront = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1') !== ''
  return readdirSync(`/proc/${pid}/fd`).length - (hasFront ? 2 : 0)
}

/** Returns the state of the main thread, and the kernel function in which it sleeps. */
function mainThread(pid: number): string {
  try {
    const [, state] = readFileSync(`/proc/${pid}/stat`, 'utf8').split(/\) /)
    return `${state?.[0]} in ${readFileSync(`/proc/${pid}/wchan`, 'utf8')}`
  } catch {
    return 'gone'
  }
}

/** Returns the files by which clients find a vnet. */
function announced(pid: number): string[] {
  return readdirSync(RUN_DIRECTORY).filter(name => name.startsWith(`${pid}-`))
}

/** Returns and removes the remaining interfaces and files, except files that the driver keeps. */
function remains({ near, far, directory }: Place): string[] {
  const links = [near, far].flatMap(netns => {
    const names = JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)
    for (const name of names) {
      if (name !== 'lo') {
        netns.ip(`link del ${name}`)
      }
    }
    return names.filter((name: string) => name !== 'lo')
  })
  const files = readdirSync(directory)
  for (const file of files) {
    rmSync(join(directory, file))
  }
  return [...links, ...files]
}

export const nameOf = ({ site, count, errno }: Fault): string =>
  `${site} @${count} ${errnoName(errno)}`
