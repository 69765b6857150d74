/**
 * Which frames of an attachment pass its wire: frames that match the user's filter or, without one,
 * frames that match a filter of its stages, if each stage is a `match FILTER ( ... )`. The kernel
 * passes on all others without the wire.
 */
import { E2BIG, ENOMEM, EPERM, explain, isErrno, printable, VnetError } from '../base/index.ts'
import type { KernelFilter } from '../netdev/device-wire.ts'
import type { NetDevice } from '../netdev/net-device.ts'
import type { BpfProgram, CompiledFilter, PacketFilter } from '../packet/bpf.ts'
import type { DirectedWire } from '../wire/directed-wire.ts'
import { matchedBy } from '../wire/stages/match.ts'
import type { WireFilter } from '../wire/wire.ts'
import type { TcxRedirect } from './tcx.ts'

const NOT_KEPT =
  "its filter cannot change now, because vnet gave up CAP_BPF when it was ready: attach with --only, or --only ''"
const TOO_LONG = 'its program is too long for the kernel: use a shorter filter, or fewer'

/** A filter: its text, and programs of which one must match. Without programs all frames match. */
type Chosen = Readonly<{ text: string; programs: readonly BpfProgram[] }>

const ALL: Chosen = { text: '', programs: [] }

interface OnlyOptions {
  readonly wires: readonly DirectedWire[]
  /** The user's filter; without it the stages of `wires` decide, as of each followStages(). */
  readonly given: PacketFilter | undefined
  /** True if the interface transmits `in`. */
  readonly farSide: boolean
  /** The attachment's device, for its log, and `cut`: then all frames are dropped at the wire. */
  readonly dev: Pick<NetDevice, 'log' | 'cut'>
}

export class OnlyFilter implements KernelFilter {
  readonly #redirect: TcxRedirect
  readonly #options: OnlyOptions
  #given: Chosen | undefined
  #chosen = ALL

  constructor(redirect: TcxRedirect, options: OnlyOptions) {
    const { given } = options
    this.#redirect = redirect
    this.#options = options
    if (given === undefined) {
      this.followStages()
    } else {
      this.change(given)
    }
  }

  get text(): string {
    return this.#chosen.text
  }

  /** True if the filter may change later, which takes CAP_BPF. */
  get isKept(): boolean {
    return this.#given !== undefined || this.#chosen !== ALL
  }

  passed(side: 'in' | 'out'): number {
    const isReceived = (side === 'in') !== this.#options.farSide
    return this.#redirect.unmatched()[isReceived ? 'in' : 'out']
  }

  change(filter: PacketFilter | undefined): void {
    const given = filter && chosen([filter])
    // Also one of the same text: names in it may have other addresses now.
    this.#choose(given ?? this.#derived())
    this.#given = given
  }

  /** Follows a change of the stages, or of `cut`, unless the user gave a filter. */
  followStages(): void {
    const next = this.#derived()
    if (this.#given !== undefined || next.text === this.text) return
    try {
      this.#choose(next)
    } catch (error) {
      if (!(error instanceof VnetError)) throw error
      this.#options.dev.log.info(`all frames pass the wire: ${error.advice ?? explain(error)}`)
      this.#choose(ALL)
    }
  }

  #derived(): Chosen {
    const filters = this.#options.wires.map(({ stages }) => matchedBy(stages))
    const all = filters.every(each => each !== undefined) ? filters.flat() : []
    return this.#options.dev.cut ? ALL : chosen(all)
  }

  #choose(next: Chosen): void {
    if (next === this.#chosen) return
    try {
      this.#redirect.setFilter(next.programs)
    } catch (error) {
      if (isErrno(error, E2BIG, ENOMEM)) {
        throw new VnetError(E2BIG, 'filter', TOO_LONG, { cause: error })
      }
      throw isErrno(error, EPERM) ? new VnetError(EPERM, 'vnet_nl', NOT_KEPT) : error
    }
    this.#chosen = next
    const which =
      next === ALL ? 'all frames pass the wire' : `only frames of '${next.text}' pass the wire`
    this.#options.dev.log.info(
      printable(`${which}${next === ALL ? '' : '; the kernel passes the others on'}`),
    )
  }
}

/** Returns ALL for no filter, an empty one, or one that is a function of a program. */
function chosen(filters: readonly (WireFilter & Partial<CompiledFilter>)[]): Chosen {
  const programs = new Map<string, BpfProgram>()
  for (const { text = '', program } of filters) {
    if (text === '' || program === undefined) return ALL
    programs.set(text, program)
  }
  const texts = [...programs.keys()]
  const text = texts.length < 2 ? texts.join('') : texts.map(each => `(${each})`).join(' or ')
  return programs.size === 0 ? ALL : { text, programs: [...programs.values()] }
}
