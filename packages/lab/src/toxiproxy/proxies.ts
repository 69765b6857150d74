/** Proxies: all proxies by name, their toxics, and the wire of the link. */
import { setTimeout as delay } from 'node:timers/promises'
import { attempt, UsageError } from 'vnet'
import { type Random, random } from 'vnet/net'
import { ApiError, fieldsOf, jsonOf } from './body.ts'
import type { TcpConnection } from './connection.ts'
import { parseEndpoint, printEndpoint } from './endpoint.ts'
import type { LabProcess } from './lab-process.ts'
import { Names } from './names.ts'
import {
  CONNECTIONS_MAX,
  checkEnds,
  DIRECT,
  LINKED,
  type ProxyEnds,
  type ProxyFields,
  ToxicProxy,
  upstreamOf,
} from './proxy.ts'
import { Room } from './room.ts'
import {
  checkToxic,
  checkToxicFields,
  isStage,
  isUpstream,
  kindOf,
  type Toxic,
  textOf,
  withFlags,
} from './toxics.ts'

const PROXIES_MAX = 10_000
const TOXICS_MAX = 64
/** Toxics of all proxies together. */
const ALL_TOXICS_MAX = 10_000
/** Characters of names and addresses. */
const TEXT_MAX = 255
/** Milliseconds that a change waits for the addresses of its upstream. */
const UPSTREAM_MS = 1000

const PROXY: ProxyFields = { name: '', listen: '', upstream: '', enabled: true, network: 'tcp' }
const TOXIC = { attributes: {}, name: '', type: '', stream: 'downstream', toxicity: 1 }

/** The lab of the packets, or the reason why only toxics of streams are possible. */
export type Packets = Readonly<
  { lab: LabProcess; why?: undefined } | { lab?: undefined; why: string }
>

export class Proxies {
  /** Settles when #lab or #why is known. Each change waits for it, and fails with its error. */
  readonly #ready: Promise<void>
  #lab: LabProcess | undefined
  /** The reason if only toxics of streams are possible. */
  #why: string | undefined
  readonly #proxies = new Map<string, ToxicProxy>()
  readonly #random: Random
  readonly #open = new Set<TcpConnection>()
  readonly #room: Room
  readonly #names: Names
  readonly #hops = new Map<number, number>()
  /** The texts that the link has. */
  #wire = { ab: '', ba: '' }
  /** Settles when the changes before are done: they concern the same proxies. */
  #tail: Promise<unknown> = Promise.resolve()
  #isClosed = false

  /** Requests that change nothing are possible before `packets` are known. */
  constructor(
    packets: Packets | Promise<Packets>,
    seed: number,
    { room = new Room(), names = new Names() } = {},
  ) {
    this.#ready = Promise.resolve(packets).then(({ lab, why }) => {
      this.#lab = lab
      this.#why = why
    })
    this.#ready.catch(() => {})
    this.#random = random(seed)
    this.#room = room
    this.#names = names
  }

  /** In the order of their names. */
  get all(): readonly ToxicProxy[] {
    return [...this.#proxies.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** Connections and sessions, their room, the wire, and the filter of each proxy's packets. */
  get state() {
    const { size: connections } = this.#open
    const perConnection = this.#lab === undefined ? DIRECT : LINKED
    const connectionsMax = Math.min(
      CONNECTIONS_MAX,
      connections + this.#room.roomFor(perConnection),
    )
    const proxies = this.all.flatMap(({ name, network, at }) =>
      at === undefined ? [] : { name, address: at.address, filter: `${network} port ${at.port}` },
    )
    return { connections, connectionsMax, sessions: this.#room.sessions, wire: this.#wire, proxies }
  }

  /** Throws an ApiError for an unknown name, like each method that takes one. */
  get(name: string): ToxicProxy {
    const proxy = this.#proxies.get(name)
    if (proxy === undefined) throw new ApiError('proxy not found', 404)
    return proxy
  }

  async create(body: string): Promise<ToxicProxy> {
    const fields = checked(fieldsOf(jsonOf(body), PROXY))
    if (fields.enabled) {
      await this.#lookUp([fields])
    }
    return this.#inTurn(() => {
      if (this.#proxies.has(fields.name)) throw new ApiError('proxy already exists', 409)
      return this.#add(fields)
    })
  }

  /** Makes or replaces proxies. If one fails, `made` has the proxies before it. */
  async populate(given: readonly unknown[], made: ToxicProxy[]): Promise<void> {
    const all = given
      .map(each => fieldsOf(each, PROXY))
      .map((fields, i) => checked(fields, ` at proxy ${i + 1}`))
    await this.#lookUp(all.filter(({ enabled }) => enabled))
    const make = async () => {
      for (const fields of all) {
        const before = this.#proxies.get(fields.name)
        const isSame = before?.network === fields.network && !before.differs(fields)
        if (!isSame) {
          await before?.stop()
        }
        made.push(isSame ? before : await this.#add(fields))
      }
    }
    await this.#inTurn(() => make().finally(() => this.#rewire()))
  }

  async update(name: string, body: string): Promise<ToxicProxy> {
    const fieldsFor = ({ listen, upstream, enabled }: ToxicProxy) =>
      fieldsOf(jsonOf(body), { listen, upstream, enabled })
    const asked = fieldsFor(this.get(name))
    checkTexts(asked)
    if (asked.enabled) {
      await this.#lookUp([asked])
    }
    return this.#inTurn(async () => {
      const proxy = this.get(name)
      const fields = fieldsFor(proxy)
      if (proxy.differs(fields)) {
        await proxy.stop()
        proxy.listen = fields.listen
        proxy.upstream = fields.upstream
      }
      await (fields.enabled ? proxy.start() : proxy.stop()).finally(() => this.#rewire())
      return proxy
    })
  }

  async remove(name: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.get(name).stop()
      this.#proxies.delete(name)
      await this.#rewire()
    })
  }

  /** Removes all toxics and enables all proxies. Rejects with the first failure, after all. */
  async reset(): Promise<void> {
    const refused = new Map<ToxicProxy, unknown>()
    for (const proxy of this.all.filter(({ enabled }) => !enabled)) {
      await this.#lookUp([proxy]).catch(error => refused.set(proxy, error))
    }
    await this.#inTurn(async () => {
      for (const proxy of this.all) {
        proxy.toxics = []
        proxy.sync()
      }
      await this.#rewire()
      const failures = [...refused.values()]
      for (const proxy of this.all.filter(each => !refused.has(each))) {
        await proxy.start().catch(error => failures.push(error))
      }
      if (failures.length > 0) throw failures[0]
    })
  }

  toxic(name: string, toxicName: string): Toxic {
    const toxic = this.get(name).toxics.find(each => each.name === toxicName)
    if (toxic === undefined) throw new ApiError('toxic not found', 404)
    return toxic
  }

  addToxic(name: string, body: string): Promise<Toxic> {
    return this.#inTurn(() => this.#addToxic(name, body))
  }

  async #addToxic(name: string, body: string): Promise<Toxic> {
    const proxy = this.get(name)
    const json = jsonOf(body)
    const given = fieldsOf(json, TOXIC, ['toxicity'])
    const toxic: Toxic = { ...given, name: given.name || `${given.type}_${given.stream}` }
    if (!/^(up|down)stream$/i.test(toxic.stream)) {
      throw new ApiError('stream was invalid, can be either upstream or downstream', 400)
    }
    const { attributes: defaults, fractions = [] } = kindOf(toxic.type)
    checkToxicFields(toxic.type, json as object, given.attributes, Object.keys(TOXIC))
    if (proxy.toxics.some(each => each.name === toxic.name)) {
      throw new ApiError('toxic already exists', 409)
    }
    checkName(toxic.name)
    if (proxy.toxics.length >= TOXICS_MAX) {
      throw new ApiError(`a proxy has at most ${TOXICS_MAX} toxics`, 400)
    }
    const count = [...this.#proxies.values()].reduce((sum, { toxics }) => sum + toxics.length, 0)
    if (count >= ALL_TOXICS_MAX) {
      throw new ApiError(`all proxies have at most ${ALL_TOXICS_MAX} toxics`, 400)
    }
    toxic.attributes = fieldsOf(withFlags(given.attributes, defaults), defaults, fractions)
    await checkToxic(toxic, proxy.network === 'udp', this.#why)
    const before = proxy.toxics
    proxy.toxics = [...before, toxic]
    await this.#changed(proxy, toxic, () => {
      proxy.toxics = before
    })
    return toxic
  }

  updateToxic(name: string, toxicName: string, body: string): Promise<Toxic> {
    return this.#inTurn(() => this.#updateToxic(name, toxicName, body))
  }

  async #updateToxic(name: string, toxicName: string, body: string): Promise<Toxic> {
    const toxic = this.toxic(name, toxicName)
    const proxy = this.get(name)
    const { toxicity, attributes } = toxic
    const json = jsonOf(body) ?? {}
    const given = fieldsOf(json, { toxicity, attributes: {} }, ['toxicity'])
    checkToxicFields(toxic.type, json, given.attributes, Object.keys(TOXIC))
    const { fractions = [] } = kindOf(toxic.type)
    const after = {
      ...toxic,
      ...given,
      attributes: fieldsOf(withFlags(given.attributes, attributes), attributes, fractions),
    }
    await checkToxic(after, proxy.network === 'udp', this.#why)
    Object.assign(toxic, after)
    await this.#changed(proxy, toxic, () => Object.assign(toxic, { toxicity, attributes }))
    proxy.sync(toxic, toxic.toxicity !== toxicity)
    return toxic
  }

  async removeToxic(name: string, toxicName: string): Promise<void> {
    await this.#inTurn(async () => {
      const toxic = this.toxic(name, toxicName)
      const proxy = this.get(name)
      proxy.toxics = proxy.toxics.filter(each => each !== toxic)
      await this.#changed(proxy, toxic, () => {})
    })
  }

  /** Stops all proxies after the changes that wait. Further ones are refused. */
  async close(): Promise<void> {
    const closed = this.#inTurn(async () => {
      for (const proxy of this.all) {
        await proxy.stop()
      }
      await this.#lab?.close()
    })
    this.#isClosed = true
    const isReady = await this.#ready.then(
      () => true,
      () => false,
    )
    // A lab that did not start has no proxies to close.
    await (isReady ? closed : closed.catch(() => {}))
  }

  /** Makes a change after those before it. */
  #inTurn<T>(change: () => T | Promise<T>): Promise<T> {
    if (this.#isClosed) return Promise.reject(new ApiError('vnet is ending', 503))
    const done = this.#tail.then(() => this.#ready).then(change)
    this.#tail = done.catch(() => {})
    return done
  }

  /**
   * Looks up the names of proxies that will listen, before the turn of the change, which finds the
   * results. Rejects with an ApiError if one would lead to itself. The change reports other errors.
   */
  async #lookUp(all: readonly ProxyEnds[]): Promise<void> {
    // One after the other: Node has four threads for all look-ups.
    for (const { listen, upstream } of all) {
      const own = attempt(() => parseEndpoint(listen))
      const found = own && (await this.#find(own.host))
      if (own === undefined || found === undefined) continue
      const to = upstreamOf(upstream)
      if (own.port !== to.port) continue
      const limit = new AbortController()
      const isLate = delay(UPSTREAM_MS, undefined, { signal: limit.signal, ref: false }).catch(
        () => undefined,
      )
      const addresses = (await Promise.race([this.#find(to.host), isLate])) ?? []
      limit.abort()
      checkEnds({ listen: printEndpoint(found[0] ?? own.host, own.port), upstream }, addresses)
    }
  }

  /** Returns the addresses of a name; undefined if it has none. */
  async #find(host: string): Promise<readonly string[] | undefined> {
    const found = host === '' ? [] : await this.#names.find(host).catch(() => undefined)
    return found?.map(({ address }) => address)
  }

  async #add(fields: ProxyFields): Promise<ToxicProxy> {
    if (fields.network === 'udp' && this.#why !== undefined) {
      throw new ApiError(`network udp needs packets, which vnet does not have: ${this.#why}`, 400)
    }
    if (this.#proxies.size >= PROXIES_MAX) {
      throw new ApiError(`there are at most ${PROXIES_MAX} proxies`, 400)
    }
    const place = {
      lab: this.#lab,
      random: this.#random,
      open: this.#open,
      room: this.#room,
      names: this.#names,
      hops: this.#hops,
    }
    const proxy = new ToxicProxy(place, fields)
    if (fields.enabled) {
      await proxy.start()
    }
    this.#proxies.set(fields.name, proxy)
    return proxy
  }

  async #changed(proxy: ToxicProxy, { type }: Toxic, undo: () => void): Promise<void> {
    if (isStage(type, this.#lab !== undefined)) return proxy.sync()
    try {
      await this.#rewire()
    } catch (error) {
      undo()
      throw error instanceof UsageError ? new ApiError(error.message, 400) : error
    }
  }

  /** Makes the wire that of the toxics. */
  async #rewire(): Promise<void> {
    const textsOf = (isUp: boolean) =>
      this.all.flatMap(({ at, toxics }) =>
        at === undefined
          ? []
          : toxics.filter(each => isUpstream(each) === isUp).map(each => textOf(each, at)),
      )
    const [ab, ba] = [true, false].map(isUp => textsOf(isUp).filter(Boolean).join(' ')) as [
      string,
      string,
    ]
    if (ab === this.#wire.ab && ba === this.#wire.ba) return
    await this.#lab?.call('wire', {
      ...(ab !== this.#wire.ab && { ab }),
      ...(ba !== this.#wire.ba && { ba }),
    })
    this.#wire = { ab, ba }
  }
}

function checked(fields: ProxyFields, place = ''): ProxyFields {
  const { name, upstream, network } = fields
  if (name === '') throw new ApiError(`missing required field: name${place}`, 400)
  if (upstream === '') throw new ApiError(`missing required field: upstream${place}`, 400)
  if (!/^(tcp|udp)$/.test(network)) {
    throw new ApiError('network was invalid, can be either tcp or udp', 400)
  }
  checkName(name)
  checkTexts(fields)
  return fields
}

/** Throws an ApiError for addresses that cannot be had, whatever names mean. */
function checkTexts({ listen, upstream }: ProxyEnds): void {
  for (const [field, text] of Object.entries({ listen, upstream })) {
    if (text.length > TEXT_MAX) {
      throw new ApiError(`${field} has at most ${TEXT_MAX} characters`, 400)
    }
  }
  checkEnds({ listen, upstream }, [upstreamOf(upstream).host])
}

function checkName(name: string): void {
  if (name.length > TEXT_MAX) throw new ApiError(`a name has at most ${TEXT_MAX} characters`, 400)
  // Clients remove such a segment of a path, and cannot encode half of a surrogate pair.
  if (/^\.\.?$|\p{Surrogate}/u.test(name)) {
    throw new ApiError('no URL can have this name: choose another one', 400)
  }
}
