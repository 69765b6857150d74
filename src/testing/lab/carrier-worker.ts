/**
 * The worker that carries the frames of a lab's links, so that a test which blocks its own thread
 * does not stop them.
 */
import { type MessagePort, parentPort } from 'node:worker_threads'
import { attached } from '../../control/protocol/wire-attachment.ts'
import { UsageError } from '../../netdev/driver.ts'
import type { NetDevice } from '../../netdev/net-device.ts'
import { dropReasonName } from '../../skb/drop-reason-name.ts'
import { fault } from '../../wire/fault.ts'
import type { Direction, Impairment } from '../../wire/wire.ts'
import type { WireSlot } from '../../wire/wire-slot.ts'
import { parseWire } from '../../wire/words/parse.ts'
import { type Cable, cable } from '../../wire.ts'
import type { CableSpec, Calls, EndReport, FaultSpec, LinkReport, Reply, Request, Words } from './protocol.ts'

interface Carried {
  readonly cable: Cable
  /** The stages of the words, and the faults in front of them by their numbers. */
  readonly words: Record<Direction, Words>
  readonly faults: Map<number, { readonly direction: Direction; readonly stage: Impairment }>
}

const port = parentPort as MessagePort
const links = new Map<number, Carried>()
let last = 0

const say = (reply: Reply) => port.postMessage(reply)

type Handlers = {
  [Name in keyof Calls]: (
    ...args: Parameters<Calls[Name]>
  ) => ReturnType<Calls[Name]> | Promise<ReturnType<Calls[Name]>>
}

const handlers: Handlers = {
  async cable({ a, b, ab, ba, seed, mtu }: CableSpec) {
    const addresses = { a: a.addresses, b: b.addresses }
    const stages = { ab: stagesOf(ab, 'ab'), ba: stagesOf(ba, 'ba') }
    const made = await cable(a.path, b.path, { ...stages, seed, addresses, log: line => say({ log: line }) })
    links.set(++last, { cable: made, words: { ab, ba }, faults: new Map() })
    if (mtu !== undefined) for (const dev of [made.a, made.b]) await dev.port?.apply({ mtu })
    return last
  },
  wire(link, ab, ba) {
    const carried = found(link)
    for (const [direction, words] of [['ab', ab] as const, ['ba', ba] as const]) {
      if (words === undefined) continue
      carried.words[direction] = words
      set(carried, direction)
    }
  },
  carrier(link, up) {
    const { cable } = found(link)
    if (up) cable.up()
    else cable.down()
  },
  fault(link, { direction, action, filter, when, hits }: FaultSpec) {
    const carried = found(link)
    const id = ++last
    const count = new Int32Array(hits)
    const onHit = () => {
      Atomics.add(count, 0, 1)
      say({ hit: id })
    }
    const matches = filter === undefined ? undefined : attached([filter]).filter(filter.filter ?? '')
    const made = fault(action, matches, when, onHit)
    // A kind of its own: another fault does not change its count.
    const stage = Object.assign(
      (next: Parameters<Impairment>[0], env: Parameters<Impairment>[1]) => made(next, env),
      made,
      {
        kind: `fault ${id}`,
      },
    )
    carried.faults.set(id, { direction, stage })
    set(carried, direction)
    return id
  },
  removeFault(link, fault) {
    const carried = found(link)
    const known = carried.faults.get(fault)
    if (known === undefined) return
    carried.faults.delete(fault)
    set(carried, known.direction)
  },
  report(link) {
    const { cable } = found(link)
    const direction = (slot: WireSlot) => ({ words: slot.words, stages: slot.report() })
    return { a: end(cable.a), b: end(cable.b), ab: direction(cable.ab), ba: direction(cable.ba) } satisfies LinkReport
  },
  async close(link) {
    const carried = links.get(link)
    links.delete(link)
    await carried?.cable.close()
  },
}

function found(link: number): Carried {
  const carried = links.get(link)
  if (carried === undefined) throw new UsageError('the link is closed')
  return carried
}

/** Sets the stages of a direction: its faults, then its words. */
function set({ cable, words, faults }: Carried, direction: Direction): void {
  const own = [...faults.values()].filter(fault => fault.direction === direction).map(({ stage }) => stage)
  cable[direction].set([...own, ...stagesOf(words[direction], direction)])
}

function stagesOf({ text, attachments }: Words, direction: Direction): readonly Impairment[] {
  return parseWire(text, attached(attachments), direction)
}

function end(dev: NetDevice): EndReport {
  const { in: sent } = dev.counters.frames()
  const { tx, rx } = dev.counters.drops()
  const drops: Record<string, number> = {}
  for (const [reason, n] of [...tx.entries(), ...rx.entries()]) {
    if (n > 0) drops[dropReasonName(reason)] = (drops[dropReasonName(reason)] ?? 0) + n
  }
  return { sent, received: dev.counters.frames().out, drops }
}

port.on('message', async ({ id, call, args }: Request) => {
  try {
    const handler = handlers[call] as (...args: readonly unknown[]) => unknown
    say({ id, value: await handler(...args) })
  } catch (error) {
    say({ id, error: error instanceof Error ? error.message : String(error), usage: error instanceof UsageError })
  }
})
