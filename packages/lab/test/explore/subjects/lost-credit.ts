import { onMessages, repeat, send, sockets } from '../datagrams.ts'
import { DATAGRAMS, type Scenario, type SubjectFaults, udp, within } from '../subject.ts'

export const bug = 'the credit of a sender is lost with a lost message, and both ends wait for ever'

export const options = DATAGRAMS

export const faults: SubjectFaults = [
  [udp.toServer('drop', { nth: 2 })],
  [udp.fromServer('drop', { nth: 1 })],
]

const FRAMES = 4

const scenario =
  (asksForCredit: boolean): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    // A lost frame of the film is not sent again. The credit is the number of the next one.
    onMessages(server, ({ frame }, { port, address }) => {
      send(server, { type: 'credit', next: Number(frame) + 1 }, port, address)
    })

    let next = 0
    const sent = new Promise<void>(resolve => {
      onMessages(client, credit => {
        if (credit.next !== next) return
        if (next === FRAMES) {
          resolve()
        } else {
          send(client, { type: 'frame', frame: next++ })
        }
      })
    })
    send(client, { type: 'frame', frame: next++ })
    using _ = repeat(client, () => {
      if (asksForCredit) {
        send(client, { type: 'probe', frame: next - 1 })
      }
    })
    await within(sent, 'the sender has no credit')
  }

export const broken = scenario(false)
export const fixed = scenario(true)
