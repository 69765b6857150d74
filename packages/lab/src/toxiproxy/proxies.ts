/** Proxies: all proxies by name, their toxics, and the wire of the link. */
import { readFileSync } from 'node:fs'
import { attempt } from 'vnet/internal/base/errno'
import { type Random, random } from 'vnet/internal/base/random'
import { UsageError } from 'vnet/internal/base/usage-error'
import { ApiError, fieldsOf, jsonOf } from './body.ts'
import type { TcpConnection } from './connection.ts'
import type { LabProcess } from './lab-process.ts'
import { type ProxyFields, ToxicProxy } from './proxy.ts'
import { checkToxic, defaultsOf, FRACTIONS, isStage, isUpstream, type Toxic, textOf } from './toxics.ts'

const PROXIES_MAX = 10_000
const TOXICS_MAX = 64
const NAME_MAX = 255
/** TCP connections of all proxies together; further ones are closed. */
const CONNECTIONS_MAX = 20_000
/** Descriptors for everything but connections and proxies. */
const FILES_LEFT = 400

const PROXY: ProxyFields = { name: '', listen: '', upstream: '', enabled: true, network: 'tcp' }
const TOXIC = { attributes: {}, name: '', type: '', stream: 'downstream', toxicity: 1 }

/** Linux only. */
const limits = () => readFileSync('/proc/self/limits', 'latin1')

export class Proxies {
  readonly #lab: LabProcess | undefined
  /** The reason if only toxics of streams are possible. */
  readonly #why: string | undefined
  readonly #proxies = new Map<string, ToxicProxy>()
  readonly #random: Random
  readonly #open = new Set<TcpConnection>()
  /** The limit of open files. */
  readonly #files = Number(/^Max open files +(\d+)/m.exec(attempt(limits) ?? '')?.[1] ?? 2 ** 20)
  /** The texts that the link has. */
  #wire = { ab: '', ba: '' }

  constructor(lab: LabProcess | undefined, whyNoPackets: string | undefined, seed: number) {
    this.#lab = lab
    this.#why = whyNoPackets
    this.#random = random(seed)
  }

  /** In the order of their names. */
  get all(): readonly ToxicProxy[] {
    return [...this.#proxies.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  /** The connections and their limit, the wire, and the filter of each proxy's packets. */
  get state() {
    const { size: connections } = this.#open
    const proxies = this.all.flatMap(({ name, network, at }) =>
      at === undefined ? [] : { name, address: at.address, filter: `${network} port ${at.port}` },
    )
    return { connections, connectionsMax: this.#connectionsMax, wire: this.#wire, proxies }
  }

  /** A connection takes four descriptors with a link, and two without. */
  get #connectionsMax(): number {
    const files = this.#files - FILES_LEFT - this.#proxies.size
    return Math.min(CONNECTIONS_MAX, Math.floor(files / (this.#lab === undefined ? 2 : 4)))
  }

  /** Throws an ApiError for an unknown name, like each method that takes one. */
  get(name: string): ToxicProxy {
    const proxy = this.#proxies.get(name)
    if (proxy === undefined) throw new ApiError('proxy not found', 404)
    return proxy
  }

  async create(body: string): Promise<ToxicProxy> {
    const fields = checked(fieldsOf(jsonOf(body), PROXY))
    if (this.#proxies.has(fields.name)) throw new ApiError('proxy already exists', 409)
    return this.#add(fields)
  }

  /** Makes or replaces proxies. If one fails, `made` has the proxies before it. */
  async populate(given: readonly unknown[], made: ToxicProxy[]): Promise<void> {
    const all = given.map(each => fieldsOf(each, PROXY)).map((fields, i) => checked(fields, ` at proxy ${i + 1}`))
    for (const fields of all) {
      const before = this.#proxies.get(fields.name)
      const isSame = before?.network === fields.network && !before.differs(fields)
      if (!isSame) await before?.stop()
      made.push(isSame ? before : await this.#add(fields))
    }
    await this.#rewire()
  }

  async update(name: string, body: string): Promise<ToxicProxy> {
    const proxy = this.get(name)
    const { listen, upstream, enabled } = proxy
    const fields = fieldsOf(jsonOf(body), { listen, upstream, enabled })
    if (proxy.differs(fields)) {
      await proxy.stop()
      proxy.listen = fields.listen
      proxy.upstream = fields.upstream
    }
    await (fields.enabled ? proxy.start() : proxy.stop()).finally(() => this.#rewire())
    return proxy
  }

  async remove(name: string): Promise<void> {
    await this.get(name).stop()
    this.#proxies.delete(name)
    await this.#rewire()
  }

  async reset(): Promise<void> {
    for (const proxy of this.all) {
      proxy.toxics = []
      proxy.sync()
    }
    await this.#rewire()
    for (const proxy of this.all) await proxy.start()
  }

  toxic(name: string, toxicName: string): Toxic {
    const toxic = this.get(name).toxics.find(each => each.name === toxicName)
    if (toxic === undefined) throw new ApiError('toxic not found', 404)
    return toxic
  }

  async addToxic(name: string, body: string): Promise<Toxic> {
    const proxy = this.get(name)
    const given = fieldsOf(jsonOf(body), TOXIC, ['toxicity'])
    const toxic: Toxic = { ...given, name: given.name || `${given.type}_${given.stream}` }
    if (!/^(up|down)stream$/i.test(toxic.stream))
      throw new ApiError('stream was invalid, can be either upstream or downstream', 400)
    const defaults = defaultsOf(toxic.type)
    if (defaults === undefined) throw new ApiError('invalid toxic type', 400)
    if (proxy.toxics.some(each => each.name === toxic.name)) throw new ApiError('toxic already exists', 409)
    checkName(toxic.name)
    if (proxy.toxics.length >= TOXICS_MAX) throw new ApiError(`a proxy has at most ${TOXICS_MAX} toxics`, 400)
    toxic.attributes = fieldsOf(given.attributes, defaults, FRACTIONS)
    checkToxic(toxic, proxy.network === 'udp', this.#why)
    const before = proxy.toxics
    proxy.toxics = [...before, toxic]
    await this.#changed(proxy, toxic, () => (proxy.toxics = before))
    return toxic
  }

  async updateToxic(name: string, toxicName: string, body: string): Promise<Toxic> {
    const toxic = this.toxic(name, toxicName)
    const proxy = this.get(name)
    const { toxicity, attributes } = toxic
    const given = fieldsOf(jsonOf(body), { toxicity, attributes: {} }, ['toxicity'])
    const after = { ...toxic, ...given, attributes: fieldsOf(given.attributes, attributes, FRACTIONS) }
    checkToxic(after, proxy.network === 'udp', this.#why)
    Object.assign(toxic, after)
    await this.#changed(proxy, toxic, () => Object.assign(toxic, { toxicity, attributes }))
    proxy.sync(toxic, toxic.toxicity !== toxicity)
    return toxic
  }

  async removeToxic(name: string, toxicName: string): Promise<void> {
    const toxic = this.toxic(name, toxicName)
    const proxy = this.get(name)
    proxy.toxics = proxy.toxics.filter(each => each !== toxic)
    await this.#changed(proxy, toxic, () => {})
  }

  async close(): Promise<void> {
    for (const proxy of this.all) await proxy.stop()
    await this.#lab?.close()
  }

  async #add(fields: ProxyFields): Promise<ToxicProxy> {
    if (fields.network === 'udp' && this.#why !== undefined)
      throw new ApiError(`network udp needs packets, which vnet does not have: ${this.#why}`, 400)
    if (this.#proxies.size >= PROXIES_MAX) throw new ApiError(`there are at most ${PROXIES_MAX} proxies`, 400)
    const hasRoom = () => this.#open.size < this.#connectionsMax
    const place = { lab: this.#lab, random: this.#random, open: this.#open, hasRoom }
    const proxy = new ToxicProxy(place, fields)
    if (fields.enabled) await proxy.start()
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
        at === undefined ? [] : toxics.filter(each => isUpstream(each) === isUp).map(each => textOf(each, at)),
      )
    const [ab, ba] = [true, false].map(isUp => textsOf(isUp).filter(Boolean).join(' ')) as [string, string]
    if (ab === this.#wire.ab && ba === this.#wire.ba) return
    await this.#lab?.call('wire', { ...(ab !== this.#wire.ab && { ab }), ...(ba !== this.#wire.ba && { ba }) })
    this.#wire = { ab, ba }
  }
}

function checked(fields: ProxyFields, place = ''): ProxyFields {
  const { name, upstream, network } = fields
  if (name === '') throw new ApiError(`missing required field: name${place}`, 400)
  if (upstream === '') throw new ApiError(`missing required field: upstream${place}`, 400)
  if (!/^(tcp|udp)$/.test(network)) throw new ApiError('network was invalid, can be either tcp or udp', 400)
  checkName(name)
  return fields
}

function checkName(name: string): void {
  if (name.length > NAME_MAX) throw new ApiError(`a name has at most ${NAME_MAX} characters`, 400)
}
