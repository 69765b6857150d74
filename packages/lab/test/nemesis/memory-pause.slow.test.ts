/** A paused host in memory whose program never waits for a timer. */
import { setImmediate as immediately } from 'node:timers/promises'
import { expect } from 'vitest'
import { test } from '../support/memory-faults.ts'

test('a busy program of immediates stops in a pause and ends at a crash', async ({
  lab,
  server,
}) => {
  let turns = 0
  let waits = 0
  await server.start(() => {
    const turn = () => {
      turns++
      setImmediate(turn)
    }
    turn()
    const wait = async () => {
      for (;;) {
        waits++
        await immediately()
      }
    }
    void wait()
  })
  await lab.sleep(1)
  expect([turns > 10, waits > 10]).toEqual([true, true])
  await server.faults.pause()
  const before = [turns, waits]
  await lab.sleep('1h')
  expect([turns, waits]).toEqual(before)
  server.faults.resume()
  await lab.sleep(1)
  expect([turns > Number(before[0]), waits > Number(before[1])]).toEqual([true, true])
  await server.faults.crash()
  const last = [turns, waits]
  await lab.sleep('1h')
  expect([turns, waits]).toEqual(last)
})
