/** The worker of the playground: a World in real time, as far as it keeps up. */

// In time: a driver that waits for the network would look like one that does not return.
import 'vnet/kit/debug'
import type { FeedMessage } from '@vnet/web/kit'
import type { Driver } from 'vnet'
import { cable, loop, snull } from 'vnet/drivers'
import { describeException, messageOrDescription } from 'vnet/kit/base'
import { restrictGlobals } from '../confined-worker.ts'
import { driverOf, loadImports } from '../driver-module.ts'
import type { PlaygroundDriver, PlaygroundReply, PlaygroundRequest } from './messages.ts'
import { World } from './world.ts'

type Start = Extract<PlaygroundRequest, { readonly do: 'start' }>

const OWN = { cable, snull, loop }
const NOTHING = {
  type: 'hello',
  version: 'playground',
  vnets: [],
  mayChange: false,
  presets: [],
} as const
const TICK_MS = 16
const BEAT_MS = 1000
/** A browser lets a page in the background wait: the time of the world then waits, too. */
const STEP_MAX = 100

// A driver may replace them.
const { setInterval: repeat, performance: real } = globalThis
const send: (message: PlaygroundReply) => void = postMessage.bind(globalThis)
const tell = (told: string) => send({ told })

class Playground {
  #world: World | undefined
  #isPaused = false
  #last = real.now()
  /** Requests are handled one after the other. */
  #pending: Promise<void> = Promise.resolve()

  receive(request: PlaygroundRequest): void {
    this.#pending = this.#pending
      .then(() => this.#handle(request))
      .catch(error => tell(describeException(error)))
  }

  tick(): void {
    const now = real.now()
    const elapsed = now - this.#last
    this.#last = now
    const ms = this.#isPaused ? 0 : Math.min(elapsed, STEP_MAX)
    this.#world?.skip(elapsed - ms)
    if (ms > 0) {
      this.#run(world => world.advance(ms))
    }
  }

  async #handle(request: PlaygroundRequest): Promise<void> {
    switch (request.do) {
      case 'start':
        return this.#start(request)
      case 'pause':
        this.#isPaused = request.on
        return
      case 'send':
        return this.#run(world => world.send(request.what))
      case 'flow':
        return this.#run(world => world.flow(request.perSecond))
      case 'command': {
        const { seq: reply, id, command } = request
        const result = this.#run(world => world.command(id, command)) ?? {
          ok: false,
          message: 'no driver runs',
        }
        return send({ reply, result })
      }
      case 'capture':
        return send({
          reply: request.seq,
          capture: this.#run(world => world.capture()) ?? new Uint8Array(),
        })
    }
  }

  async #start({ driver, wire, syntaxError }: Start): Promise<void> {
    try {
      const loaded = await load(driver, syntaxError)
      const isOwn = typeof driver !== 'string'
      const feed = (message: FeedMessage) => send({ feed: message })
      this.#world = await World.make(loaded, { wire, isOwn, start: Date.now(), tell, feed })
      this.#last = real.now()
    } catch (error) {
      this.#end(messageOrDescription(error))
    }
  }

  /** An error of a driver ends its world. */
  #run<T>(use: (world: World) => T): T | undefined {
    try {
      return this.#world && use(this.#world)
    } catch (error) {
      void this.#world?.close()
      this.#end(describeException(error))
      return undefined
    }
  }

  #end(why: string): void {
    this.#world = undefined
    tell(why)
    send({ feed: NOTHING })
  }
}

async function load(driver: PlaygroundDriver, syntaxError: string | undefined): Promise<Driver> {
  if (typeof driver === 'string') return OWN[driver]
  await loadImports(driver.text)
  restrictGlobals()
  return driverOf(driver.text, `/${driver.name}`, syntaxError)
}

const playground = new Playground()
addEventListener('message', ({ data }: MessageEvent<PlaygroundRequest>) => playground.receive(data))
for (const event of ['error', 'unhandledrejection'] as const) {
  addEventListener(event, (found: ErrorEvent | PromiseRejectionEvent) => {
    found.preventDefault()
    tell(describeException('reason' in found ? found.reason : found.error))
  })
}
repeat(() => playground.tick(), TICK_MS)
repeat(() => send({ beat: true }), BEAT_MS)
