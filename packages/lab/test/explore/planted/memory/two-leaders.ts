import type { LabHost } from '../../../../src/index.ts'
import { asker, type Message, serve } from '../messages.ts'
import { type Planted, star } from '../planted.ts'

export const bug = 'a leader loses its messages, and leads beside the next leader'
export const program = 'Node, in memory'
export const faults = ['mute 2s on one', 'pause 2s on one']
export const shows = /two leaders/

/** Milliseconds between renewals, of a term, and until the witness accepts another leader. */
const [INTERVAL, TERM, GRACE] = [200, 700, 1000]

/** Accepts one leader at a time. */
function witness(): (request: Message) => Message {
  let [leader, renewed]: [unknown, number] = [undefined, 0]
  return ({ name }) => {
    const isLeader = name === leader || Date.now() - renewed >= GRACE
    if (isLeader) [leader, renewed] = [name, Date.now()]
    return { isLeader }
  }
}

/** Returns a function that returns whether the member leads. */
async function join(host: LabHost, isBroken: boolean): Promise<() => boolean> {
  const ask = await asker(host)
  let until = 0
  setInterval(async () => {
    const sent = Date.now()
    const reply = await ask('witness', { name: host.name }, 1)
    if (reply === undefined) return
    until = reply.isLeader !== true ? 0 : isBroken ? Number.POSITIVE_INFINITY : Math.max(until, sent + TERM)
  }, INTERVAL)
  return () => Date.now() < until
}

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab }) => {
    const [one, two, third] = await star(lab, 'one', 'two', 'witness')
    await third.start(({ host }) => serve(host, witness()))
    const leads: (() => boolean)[] = []
    for (const member of [one, two]) await member.start(async ({ host }) => leads.push(await join(host, isBroken)))
    for (let checks = 40; checks > 0; checks--) {
      await lab.sleep(50)
      if (leads.every(isLeader => isLeader())) throw new Error('there are two leaders')
    }
  }
