/**
 * Nemesis: does the faults of hosts of a lab when their packets appear. The links hold their
 * packets meanwhile. Faults of links have happened already: only their hosts are checked, and a
 * repair ends them.
 */
import { NSEC_PER_MSEC, UsageError } from 'vnet'
import { type Cut, cutOfHost } from '../carrier/cuts.ts'
import { endsOf } from '../carrier/ends.ts'
import type { LinkCaller } from '../carrier/lab-calls.ts'
import type { FaultEvent } from '../carrier/protocol.ts'
import { FOREVER, holdsPackets, isLinkVerb, lastingOf } from '../model/verbs.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'
import type { LabRouter } from '../network/router.ts'
import { type Hit, hostOf, hostsOfHit, Spans } from './hit.ts'

/** Returns the named router, or the only one with a NAT that rebinds. Throws a UsageError. */
function natOf(name: string | undefined, hosts: readonly LabHost[]): LabRouter {
  if (name !== undefined) {
    const host = hostOf(name, hosts)
    if (isRouter(host)) return host
    throw new UsageError(`${name} is not a router: name one with a NAT`)
  }
  const [first, ...others] = hosts.filter(isRouter).filter(({ canRebind }) => canRebind)
  if (first === undefined) {
    throw new UsageError("no router has a NAT that rebinds: make it with nat: 'restricted'")
  }
  if (others.length === 0) return first
  const names = [first, ...others].map(each => each.name)
  throw new UsageError(
    `the lab has the NATs ${names.join(', ')}: name one: rebind on ${first.name}`,
  )
}

const isRouter = (host: LabHost): host is LabRouter => 'canRebind' in host

/** A fault that has not ended. */
interface Lasting {
  /** The verb and its host or link. */
  readonly key: string
  /** Settles when packets may pass: programs that it starts are not awaited. */
  readonly end: () => Promise<void> | void
}

/**
 * Listens to the faults of one lab from its construction until `close`. Its user must watch
 * `broken`, or a fault that fails goes unnoticed.
 */
export class Nemesis {
  readonly spans: Spans
  /** Rejects when a fault cannot be done, or a program does not start again. */
  readonly broken: Promise<never>
  readonly #lab: Lab
  readonly #caller: LinkCaller
  readonly #watchId: string
  readonly #hit: Hit | undefined
  readonly #lasting = new Set<Lasting>()
  readonly #asking = new Set<FaultEvent>()
  /** How far the clocks of hosts are ahead, in ns. */
  readonly #clocks = new Map<LabHost, number>()
  readonly #ended = new AbortController()
  #fail: (reason: unknown) => void = () => {}

  constructor(lab: Lab, hit?: Hit) {
    this.#lab = lab
    this.#caller = lab.links.lab.world.caller
    this.#watchId = lab.links.watchId
    this.spans = new Spans(lab)
    this.#hit = hit
    this.broken = new Promise<never>((_, reject) => {
      this.#fail = reject
    })
    this.broken.catch(() => {})
    this.#caller.onFault(this.#watchId, event => void this.#happen(event))
  }

  /** Lets stopped programs continue, so that they can end. Nothing happens afterwards. */
  close(): void {
    this.#caller.onFault(this.#watchId, undefined)
    this.#ended.abort()
    for (const { key, end } of this.#lasting) {
      // When init of a host is killed, all processes of the host end.
      if (key.startsWith('pause ')) {
        void Promise.resolve()
          .then(end)
          .catch(() => {})
      }
    }
  }

  /** Whether a fault has not happened, because `hit` has not settled. */
  get isAsking(): boolean {
    return this.#asking.size > 0
  }

  get #isClosed(): boolean {
    return this.#ended.signal.aborted
  }

  async #happen(event: FaultEvent): Promise<void> {
    const { fault, id } = event
    const { verb, on, time, isAsked } = fault
    const { hosts: all } = this.#lab.links.lab
    const isFrozen = holdsPackets(fault)
    const arrived = this.#lab.now
    try {
      // The scenario may wait before it names them, for which time must pass.
      if (isAsked) {
        this.#asking.add(event)
      }
      const asked = isAsked ? await hostsOfHit(this.#hit as Hit, this.#lab) : []
      this.#asking.delete(event)
      if (this.#isClosed) return
      const nat = verb === 'rebind' ? natOf(on, all) : undefined
      const named = () => (on === undefined ? asked : [hostOf(on, all)])
      const hosts = nat === undefined ? named() : [nat]
      if (verb === 'repair') {
        await Promise.all([...this.#lasting].map(each => this.#end(each)))
      } else if (nat !== undefined) {
        await nat.rebindAtFault()
      } else if (isLinkVerb(verb)) {
        const cuts = asked.map(({ name }) => cutOfHost(verb, name))
        if (isAsked) {
          await this.#caller.call('cut', this.#watchId, id, cuts, time)
        }
        // The links end it by themselves after its time.
        this.#lasting.add({ key: `link ${id}`, end: () => this.#mend(id) })
      } else {
        await Promise.all(hosts.map(host => this.#happenTo(host, event)))
      }
      this.spans.add(fault, hosts, event.time, arrived)
    } catch (error) {
      // The scenario of a run that has ended may refuse to name hosts.
      if (!this.#isClosed) {
        this.#fail(
          error instanceof UsageError ? new UsageError(`${verb}: ${error.message}`) : error,
        )
      }
    } finally {
      if (isFrozen) {
        await this.#caller.call('thaw', this.#watchId).catch(() => {})
      }
    }
  }

  async #happenTo(host: LabHost, event: FaultEvent): Promise<void> {
    const { verb, time } = event.fault
    const { faults, name } = host
    const lasting = lastingOf(event.fault)
    switch (verb) {
      case 'pause':
        await faults.pause()
        this.#last({ key: `pause ${name}`, end: () => faults.resume() }, lasting)
        return
      case 'crash':
      case 'restart':
        await this.#turnOff(host)
        this.#last({ key: `off ${name}`, end: () => this.#turnOn(host) }, lasting)
        return
      case 'forget':
        await this.#forget(host, event)
        return
      case 'clock':
        this.#setClock(host, (this.#clocks.get(host) ?? 0) + time)
        this.#last({ key: `clock ${name}`, end: () => this.#setClock(host, 0) }, lasting)
        return
      case 'full':
        await faults.setFull(true)
        this.#last({ key: `full ${name}`, end: () => faults.setFull(false) }, lasting)
    }
  }

  async #turnOff({ name, faults }: LabHost): Promise<void> {
    const off: Cut[] = [{ host: name, sends: true, receives: true }, { lostBy: name }]
    await this.#caller.call('cut', this.#watchId, `off ${name}`, off, FOREVER)
    await faults.crash()
  }

  async #turnOn(host: LabHost): Promise<void> {
    await this.#mend(`off ${host.name}`)
    host.restart().catch(this.#fail)
  }

  /** Removes the end of the packet's connection that the host has. */
  async #forget(host: LabHost, { id, head }: FaultEvent): Promise<void> {
    const connection = endsOf(head, host)
    const cut: Cut = { lostBy: host.name, connection }
    await this.#caller.call('cut', this.#watchId, `${id} ${host.name}`, [cut], FOREVER)
    await host.faults.forget(...connection)
    // The links lose the reset that the kernel sends now.
    await this.#caller.call('drain')
  }

  async #mend(id: string): Promise<void> {
    await this.#caller.call('mend', this.#watchId, id)
  }

  #setClock(host: LabHost, offset: number): void {
    this.#clocks.set(host, offset)
    host.faults.setClock(offset)
  }

  /** Ends a fault after `time` ns, unless it lasts until a repair. */
  #last(fault: Lasting, time: number): void {
    this.#lasting.add(fault)
    if (time === FOREVER) return
    this.#lab.links.lab.world.time
      .sleep(time / NSEC_PER_MSEC, this.#ended.signal)
      .then(() => this.#end(fault))
      .catch(this.#fail)
  }

  async #end(fault: Lasting): Promise<void> {
    if (this.#isClosed || !this.#lasting.delete(fault)) return
    // A host that two faults have stopped continues after the second one.
    if ([...this.#lasting].every(({ key }) => key !== fault.key)) {
      await fault.end()
    }
  }
}
