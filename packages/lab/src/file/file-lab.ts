/** FileLab: a lab that was made from a file, with its programs, faults and scenario. */
import { join, resolve } from 'node:path'
import { UsageError } from 'vnet'
import { describeException } from 'vnet/kit/base'
import { loadNative, makeTemporaryDirectory } from 'vnet/kit/linux'
import { beforeVnetLine, type ScenarioList, type ScenarioStep } from 'vnet/kit/netdev'
import { scenarioOf } from 'vnet/kit/wire'
import { TimerfdClock } from 'vnet/net'
import { runScenario } from 'vnet/wire'
import { addressVariables } from '../model/hosts.ts'
import { namesFor } from '../model/options.ts'
import { createLab } from '../network/create-lab.ts'
import type { LabFault } from '../network/fault.ts'
import type { LabHost } from '../network/host.ts'
import type { Lab } from '../network/lab.ts'
import type { LabLink } from '../network/link.ts'
import type { LabRouter } from '../network/router.ts'
import type { Made, Topology } from '../network/topology.ts'
import type { HostCounters } from '../world/host-stack.ts'
import { type LabPlan, whenOf } from './read.ts'
import type { FaultEntry, HostChanges, Service } from './schema.ts'
import { type ServiceOptions, startService } from './service.ts'

/** Programs and the scenario end when `signal` aborts. `log` is called with lines of programs. */
interface FillOptions extends Pick<ServiceOptions, 'signal' | 'log'> {
  /** The command that is going to run in the lab. */
  readonly command?: { readonly host: string; readonly command: readonly string[] }
}

const namesDisk = (command: string): boolean => command.includes('VNET_DISK')

/**
 * A lab of a file while it runs: its hosts and links by the names of the file, its programs and its
 * scenario. Disposing of it ends the programs and closes the lab.
 */
export class FileLab implements AsyncDisposable {
  readonly name: string
  readonly hosts: readonly LabHost[]
  readonly links: readonly string[]
  /** VNET_LAB and a variable for each address. */
  readonly env: NodeJS.ProcessEnv
  readonly faults: { readonly entry: FaultEntry; readonly fault: LabFault }[] = []
  /** By their numbers, from 1: functions that end them. */
  readonly captured: (() => Promise<void>)[] = []
  /** The captures that were started, or are being started. */
  #recorded = 0
  readonly #lab: Lab
  readonly #plan: LabPlan
  readonly #made: Made<Topology>
  readonly #log: FillOptions['log']
  readonly #end = new AbortController()
  #scenarioEnd = new AbortController()
  readonly #before = new Map<LabHost, HostCounters>()
  /** The directory of captures that requests have started. */
  #directory: string | undefined
  /** The files of the captures, which are complete when the lab has ended. */
  captures: readonly string[] = []

  private constructor(lab: Lab, plan: LabPlan, made: Made<Topology>, { signal, log }: FillOptions) {
    const { name } = lab
    signal.addEventListener('abort', () => this.#stop())
    this.name = name
    this.#lab = lab
    this.#plan = plan
    this.#made = made
    this.#log = log
    this.hosts = [...Object.values(made.hosts), ...Object.values(made.routers)]
    this.links = [...plan.links.keys()]
    this.env = { VNET_LAB: `${name}-${process.pid}`, ...addressVariables(this.hosts) }
  }

  /**
   * Makes a lab with this name, which ends when the signal of the options aborts. Settles when its
   * programs are ready and its scenario has started. If that fails, closes the lab and rejects.
   */
  static async start(plan: LabPlan, name: string, options: FillOptions): Promise<FileLab> {
    const { signal } = options
    const seed = plan.seed === undefined ? {} : { seed: plan.seed }
    const lab = await createLab({ name, world: 'kernel', ...seed, signal })
    try {
      const running = await FileLab.fill(lab, plan, options)
      // Its command may ask for it.
      await lab.show()
      return running
    } catch (error) {
      await lab.close()
      throw error
    }
  }

  /**
   * Like start, in an empty lab, which its maker closes. If it rejects, the programs that it has
   * started are not started again.
   */
  static async fill(lab: Lab, plan: LabPlan, options: FillOptions): Promise<FileLab> {
    const { stages, topology } = plan
    if (stages.length > 0) {
      await lab.loadStages(stages)
    }
    const running = new FileLab(lab, plan, await lab.topology(topology), options)
    try {
      await running.#begin(options)
      return running
    } catch (error) {
      running.#stop()
      throw error
    }
  }

  /** Sets the faults, starts the programs and then the scenario. */
  async #begin({ command }: FillOptions): Promise<void> {
    const { services, faults, scenario, disk } = this.#plan
    for (const entry of faults) {
      await this.addFault(entry)
    }
    const programs = command === undefined ? services : [...services, command]
    for (const host of this.hosts) {
      const own = programs.filter(each => each.host === host.name).map(each => each.command)
      const isForAll = disk !== undefined || namesDisk(own.join())
      host.stack.faults.giveDisk?.(isForAll ? () => true : namesDisk, disk)
    }
    await Promise.all(services.map(({ host, ...service }) => this.run(host, service)))
    await this.#play(scenario)
  }

  /** Returns a host or a router. Throws a UsageError. */
  host(name: string): LabHost {
    const host = this.hosts.find(each => each.name === name)
    if (host !== undefined) return host
    const known = this.hosts.map(each => each.name)
    throw new UsageError(`the lab has no host ${name}; it has ${namesFor(name, known)}`)
  }

  /**
   * Returns a link by its name in the file: a cable's own, ROUTER/HOST, or LAN/HOST. Throws a
   * UsageError for an unknown name.
   */
  link(name: string): LabLink {
    const found = this.#plan.links.get(name)
    if (found === undefined) {
      throw new UsageError(`the lab has no link ${name}; it has ${namesFor(name, this.links)}`)
    }
    const { router, lan, host = '' } = found
    if (router !== undefined) return this.router('link', router).linkTo(this.host(host))
    const { cables, lans } = this.#made
    return (lan === undefined ? cables[name] : lans[lan]?.portOf(this.host(host))) as LabLink
  }

  /**
   * Makes a change of hosts, as a request or a step of the scenario asks for it. Rejects with a
   * UsageError for unknown names.
   */
  async change({ accept, switch: switched }: HostChanges): Promise<void> {
    if (switched !== undefined) {
      await this.host(switched.host).switchTo(this.host(switched.uplink))
    }
    if (accept !== undefined) {
      await this.router('accept', accept.router).accept(this.host(accept.host))
    }
  }

  /** Returns a line for each end of a link where the kernel lost frames before vnet. */
  async lostBeforeVnet(): Promise<string[]> {
    const reports = this.links.map(async name => ({ name, report: await this.link(name).stats() }))
    return (await Promise.all(reports)).flatMap(({ name, report }) =>
      (['ab', 'ba'] as const).flatMap(direction => {
        const { beforeVnet } = report[direction === 'ab' ? 'a' : 'b']
        return beforeVnet === 0 ? [] : `${name} ${beforeVnetLine(direction, beforeVnet)}`
      }),
    )
  }

  /** Returns a router. Throws a UsageError; `what` names the request. */
  router(what: string, name: string): LabRouter {
    const router = Object.hasOwn(this.#made.routers, name) ? this.#made.routers[name] : undefined
    if (router === undefined) throw new UsageError(`${what}: ${name} is not a router`)
    return router
  }

  /**
   * Returns the counters of a host since it was made, or since the last reset of the lab. Throws a
   * UsageError for an unknown name.
   */
  counters(name: string): HostCounters {
    const host = this.host(name)
    const before = this.#before.get(host)
    const counters = host.stats()
    if (before === undefined) return counters
    return Object.fromEntries(
      Object.entries(counters).map(([key, n]) => [key, n - (before[key] ?? 0)]),
    )
  }

  /** Starts to record a link in a file, by default a new one. Returns its number and its path. */
  async capture(
    name: string,
    file?: string,
  ): Promise<{ readonly capture: number; readonly file: string }> {
    const link = this.link(name)
    const number = ++this.#recorded
    if (file === undefined) {
      this.#directory ??= makeTemporaryDirectory('vnet-captures-')
    }
    const path = resolve(file ?? join(this.#directory ?? '', `${link.name}.${number}.pcapng`))
    this.captured[number - 1] = await link.capture(path)
    return { capture: number, file: path }
  }

  /**
   * Returns to the state of the file: its wires and faults, each link plugged in and without
   * counts, NATs without mappings, and the scenario from its start. Programs, captures, uplinks,
   * forwarded ports and accepted hosts remain.
   */
  async reset(seed = this.#plan.seed ?? 1): Promise<void> {
    this.#scenarioEnd.abort()
    const { links, faults, scenario } = this.#plan
    this.faults.length = 0
    await Promise.all([...links].map(([name, { wire }]) => this.link(name).reset(wire, seed)))
    for (const entry of faults) {
      await this.addFault(entry)
    }
    for (const host of this.hosts) {
      this.#before.set(host, host.stats())
    }
    await this.#play(scenario)
  }

  /** Returns the number of the fault, from 1. */
  async addFault(entry: FaultEntry): Promise<number> {
    const { link, direction, action, filter, ...when } = entry
    const fault = await this.link(link)[direction].fault(action, filter, whenOf(when))
    return this.faults.push({ entry, fault })
  }

  /** Starts a program, and again after each restart of its host. Settles when it is ready. */
  run(name: string, service: Service): Promise<void> {
    const env = { ...process.env, ...this.env }
    return this.host(name).start(({ host, signal }) => {
      const ended = AbortSignal.any([this.#end.signal, signal])
      ended.throwIfAborted()
      return startService(host, service, { env, log: this.#log, signal: ended })
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop()
    this.captures = this.#lab.keepCaptures()
    await this.#lab.close()
  }

  #stop(): void {
    this.#end.abort(new Error('the lab has ended'))
  }

  /** Starts a scenario. Settles when the changes at time 0 are made. */
  async #play(planned: LabPlan['scenario']): Promise<void> {
    if (planned === undefined) return
    const { list, links, hosts } = planned
    this.#scenarioEnd = new AbortController()
    const signal = AbortSignal.any([this.#end.signal, this.#scenarioEnd.signal])
    const change = async (step: ScenarioStep<string>) => {
      const i = list.steps.indexOf(step)
      await this.change(hosts[i] as HostChanges)
      const name = links[i]
      if (name !== undefined) {
        await changeLink(this.link(name), step)
      }
    }
    await playScenario(list, change, signal, this.#log)
  }
}

/**
 * Starts a scenario, which ends when `signal` aborts. Settles when the changes at time 0 are made,
 * and rejects if one of them fails. A later change that fails is logged.
 */
export async function playScenario(
  list: ScenarioList<string>,
  change: (step: ScenarioStep<string>) => Promise<void>,
  signal: AbortSignal,
  log: (line: string) => void,
): Promise<void> {
  const made = new Set(list.steps.filter(({ at }) => at === 0))
  for (const step of made) {
    await change(step)
  }
  const failed = (error: unknown) => {
    if (!signal.aborted) {
      log(`scenario: ${describeException(error)}`)
    }
  }
  const scenario = scenarioOf(list, step => {
    if (!made.delete(step)) {
      void change(step).catch(failed)
    }
  })
  const clock = new TimerfdClock(loadNative())
  const ended = runScenario(clock, scenario, signal).catch(failed)
  void ended.then(() => clock[Symbol.asyncDispose]())
}

/** Makes the changes of a step. */
export async function changeLink(
  link: LabLink,
  { ab, ba, carrier }: ScenarioStep<string>,
): Promise<void> {
  const wire = { ...(ab !== undefined && { ab }), ...(ba !== undefined && { ba }) }
  if (Object.keys(wire).length > 0) {
    await link.wire(wire)
  }
  if (carrier !== undefined) {
    await (carrier ? link.up() : link.down())
  }
}
