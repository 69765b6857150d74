import assert from 'node:assert/strict'
import { ask, serve, sockets } from '../datagrams.ts'
import { type Cause, DATAGRAMS, type Scenario } from '../subject.ts'

export const bug = 'the server keeps its only slot for a request whose buffer it has no memory for'

export const options = DATAGRAMS

const scenario =
  (
    freesSlot: boolean,
    allocate: (size: number) => Uint8Array = size => new Uint8Array(size),
  ): Scenario =>
  async ({ lab }) => {
    const { client, server } = await sockets(lab)
    let isBusy = false
    serve(server, ({ size }) => {
      if (isBusy) return { type: 'busy' }
      isBusy = true
      try {
        const { length } = allocate(Number(size))
        isBusy = false
        return { type: 'read', length }
      } catch {
        if (freesSlot) {
          isBusy = false
        }
        return { type: 'too large' }
      }
    })

    await ask(client, { type: 'read', id: 1, size: 2000 })
    const { type } = await ask(client, { type: 'read', id: 2, size: 1000 })

    assert.equal(type, 'read', 'the reply to a request that there is memory for')
  }

/** The memory of a machine with 1500 free bytes. */
function scarce(size: number): Uint8Array {
  if (size > 1500) throw new RangeError('Array buffer allocation failed')
  return new Uint8Array(size)
}

export const broken = scenario(false)
export const fixed = scenario(true)
export const cause: Cause = {
  broken: scenario(false, scarce),
  fixed: scenario(true, scarce),
}
