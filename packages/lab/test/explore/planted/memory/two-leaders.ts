import type { LabHost } from '../../../../src/index.ts'
import { asker, type Message, serve } from '../messages.ts'
import { type Parts, type Planted, star } from '../planted.ts'

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
    if (isLeader) {
      leader = name
      renewed = Date.now()
    }
    return { isLeader }
  }
}

/** Returns a function that returns whether the member leads. */
async function join(host: LabHost, third: string, isBroken: boolean): Promise<() => boolean> {
  const ask = await asker(host)
  let until = 0
  setInterval(async () => {
    const sent = Date.now()
    const reply = await ask(third, { name: host.name }, 1)
    if (reply === undefined) return
    if (reply.isLeader === true) {
      until = isBroken ? Number.POSITIVE_INFINITY : Math.max(until, sent + TERM)
    } else {
      until = 0
    }
  }, INTERVAL)
  return () => Date.now() < until
}

/** Milliseconds between checks, and their number. */
const [EVERY, CHECKS] = [50, 40]

export const parts: Parts = isBroken => {
  const leads: (() => boolean)[] = []
  return {
    server: ({ host }) => serve(host, witness()),
    async client({ host, lab, server }) {
      leads.push(await join(host, server, isBroken))
      for (let checks = CHECKS; checks > 0; checks--) {
        await lab.sleep(EVERY)
        if (leads.filter(isLeader => isLeader()).length > 1) {
          throw new Error('there are two leaders')
        }
      }
    },
  }
}

export const scenario: Planted['scenario'] =
  isBroken =>
  async ({ lab, signal }) => {
    const [one, two, third] = await star(lab, 'one', 'two', 'witness')
    const programs = parts(isBroken)
    await third.start(({ host }) => programs.server({ host, lab, signal, server: 'witness' }))
    const members = [one, two].map(member =>
      member.start(({ host }) => programs.client({ host, lab, signal, server: 'witness' })),
    )
    await Promise.all(members)
  }
