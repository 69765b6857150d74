import { ask, onMessages, repeat, send, serve, sockets } from '../datagrams.ts'
import { type Cause, DATAGRAMS, LIMIT, type Scenario } from '../subject.ts'

export const bug = 'the client measures its timeout by the wall clock, which can be set'

export const options = DATAGRAMS

/** Milliseconds since 1970, and since the process started. */
interface Clock {
  wall(): number
  steady(): number
}

const scenario =
  (
    time: (clock: Clock) => number,
    clock: Clock = { wall: () => Date.now(), steady: () => performance.now() },
  ): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    serve(server, () => ({ type: 'reply' }))
    await ask(client, { type: 'hello', id: 1 })

    const started = time(clock)
    let repeating: Disposable | undefined
    const replied = new Promise<void>((resolve, reject) => {
      onMessages(client, ({ id }) => {
        if (id !== 2) return
        if (time(clock) - started > LIMIT) {
          reject(new Error('the reply has come too late'))
        } else {
          resolve()
        }
      })
      repeating = repeat(client, () => {
        if (time(clock) - started > LIMIT) {
          reject(new Error('the client has no reply'))
        } else {
          send(client, { type: 'request', id: 2 })
        }
      })
    })
    try {
      await replied
    } finally {
      repeating?.[Symbol.dispose]()
    }
  }

const wall = (clock: Clock) => clock.wall()
const steady = (clock: Clock) => clock.steady()

/** Every reading of the wall clock is an hour after the one before it. */
function jumping(): Clock {
  let hours = 0
  return { wall: () => Date.now() + 3_600_000 * hours++, steady: () => performance.now() }
}

export const broken = scenario(wall)
export const fixed = scenario(steady)
export const cause: Cause = {
  broken: scenario(wall, jumping()),
  fixed: scenario(steady, jumping()),
}
