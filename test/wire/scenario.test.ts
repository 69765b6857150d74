import { expect, test } from 'vitest'
import { NSEC_PER_SEC } from '#src/base/clock.ts'
import { FakeClock } from '#src/bed/fake-clock.ts'
import type { ScenarioStep } from '#src/netdev/device-wire.ts'
import { runScenario, scenarioOf } from '#src/wire/scenario.ts'

/** Lets functions that wait for a promise continue. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) {
    await Promise.resolve()
  }
}

async function advance(clock: FakeClock, seconds: number): Promise<void> {
  for (let i = 0; i < seconds; i++) {
    clock.advance(NSEC_PER_SEC)
    await settle()
  }
}

test('a scenario continues at the times that it waits for', async () => {
  const clock = new FakeClock()
  clock.advance(5 * NSEC_PER_SEC)
  const times: number[] = []
  const ended = runScenario(clock, async ({ at, after }) => {
    await at('2s')
    times.push(clock.now() / NSEC_PER_SEC)
    await after(3000)
    times.push(clock.now() / NSEC_PER_SEC)
    await at('1s')
    times.push(clock.now() / NSEC_PER_SEC)
  })
  await advance(clock, 10)
  await ended
  expect(times).toEqual([7, 10, 11])
})

test('an aborted scenario settles, takes no further step and leaves no alarm', async () => {
  const clock = new FakeClock()
  const control = new AbortController()
  let steps = 0
  const ended = runScenario(
    clock,
    async ({ at }) => {
      await at('1s')
      steps++
      await at('2s')
      steps++
    },
    control.signal,
  )
  await advance(clock, 1)
  control.abort()
  await ended
  await advance(clock, 5)
  expect([steps, clock.armed]).toEqual([1, 0])
})

test('a scenario with an aborted signal does nothing', async () => {
  let called = false
  const scenario = () => {
    called = true
  }
  await runScenario(new FakeClock(), scenario, AbortSignal.abort())
  expect(called).toBe(false)
})

test('an error of a scenario is thrown', async () => {
  const failing = runScenario(new FakeClock(), () => {
    throw new Error('no such link')
  })
  await expect(failing).rejects.toThrow('no such link')
})

test('a list takes its steps in every round', async () => {
  const clock = new FakeClock()
  const control = new AbortController()
  const steps: ScenarioStep<string>[] = [
    { at: NSEC_PER_SEC, carrier: false },
    { at: 2 * NSEC_PER_SEC, carrier: true },
  ]
  const taken: [number, boolean | undefined][] = []
  const take = (step: ScenarioStep<string>) =>
    taken.push([clock.now() / NSEC_PER_SEC, step.carrier])
  const ended = runScenario(
    clock,
    scenarioOf({ steps, repeat: 5 * NSEC_PER_SEC }, take),
    control.signal,
  )
  await advance(clock, 8)
  control.abort()
  await ended
  expect(taken).toEqual([
    [1, false],
    [2, true],
    [6, false],
    [7, true],
  ])
})

test('a list without repeat ends after its last step', async () => {
  const clock = new FakeClock()
  const taken: (string | undefined)[] = []
  const ended = runScenario(
    clock,
    scenarioOf({ steps: [{ at: 5, ab: 'loss 5%' }] }, ({ ab }) => taken.push(ab)),
  )
  clock.advance(10)
  await ended
  expect(taken).toEqual(['loss 5%'])
})
