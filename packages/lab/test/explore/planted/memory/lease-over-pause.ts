import { setTimeout as sleep } from 'node:timers/promises'
import type { LabHost } from '../../../../src/index.ts'
import { asker, type Message, serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'

export const bug = 'a worker keeps its lease over a pause, and writes after the next holder'
export const program = 'Node, in memory'
export const faults = ['pause 3s on one']
export const shows = /follows one of lease/

/** Milliseconds of a lease, of which a worker needs less than the half. */
const LEASE = 2000
const STEPS = 3

/** A store that leases itself to one worker at a time. `writes` has the lease of each write. */
function storeOf(writes: number[], isBroken: boolean): (request: Message) => Message {
  let [holder, until, token]: [unknown, number, number] = [undefined, 0, 0]
  return ({ verb, name, token: given }) => {
    if (verb === 'write') {
      const isValid = isBroken || given === token
      if (isValid) {
        writes.push(Number(given))
      }
      return { isValid }
    }
    if (verb === 'release') {
      until = given === token ? 0 : until
    } else if (Date.now() >= until || holder === name) {
      holder = name
      until = Date.now() + LEASE
      token++
    }
    return { token: holder === name ? token : undefined }
  }
}

async function work(host: LabHost): Promise<void> {
  const ask = await asker(host)
  for (let step = 0; step < STEPS; ) {
    const { token } = (await ask('store', { verb: 'lease', name: host.name })) ?? {}
    let isValid = token !== undefined
    while (isValid && step < STEPS) {
      await sleep(200)
      const reply = await ask('store', { verb: 'write', name: host.name, token })
      isValid = reply?.isValid === true
      if (isValid) {
        step++
      }
    }
    if (isValid) {
      await ask('store', { verb: 'release', token })
    } else {
      await sleep(100)
    }
  }
}

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [one, two, store] = await star(lab, 'one', 'two', 'store')
    const writes: number[] = []
    await store.start(({ host }) => serve(host, storeOf(writes, isBroken)))
    const first = one.start(({ host }) => work(host))
    await lab.sleep(100)
    await Promise.all([first, two.start(({ host }) => work(host))])
    const late = writes.findIndex((lease, i) => lease < (writes[i - 1] ?? 0))
    if (late >= 0) {
      throw new Error(`a write of lease ${writes[late]} follows one of lease ${writes[late - 1]}`)
    }
  }
