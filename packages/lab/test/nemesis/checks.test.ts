/** `always`, `eventually` and `settles` of scenarios, in memory. */
import { expect, test, vi } from 'vitest'
import { explore, type LabScenario, type ScenarioRun } from '../../src/index.ts'

const run = (scenario: LabScenario, faults: readonly string[] = [], timeout = '1min') =>
  explore.repeat(scenario, faults, { world: 'memory', timeout })

/** Returns a function that notes when it is called, in ms of the lab. */
function noting({ lab }: ScenarioRun) {
  const times: number[] = []
  return { times, note: () => void times.push(lab.now) }
}

test('always calls its check every 10 ms until the scenario has ended, and once then', async () => {
  let times: number[] = []
  await run(async run => {
    const noted = noting(run)
    times = noted.times
    await run.lab.sleep('5ms')
    run.always(noted.note)
    await run.lab.sleep('35ms')
  })
  expect(times).toEqual([5, 15, 25, 35, 40])
})

test('the pause between two calls is an option, and a call waits for the one before it', async () => {
  const calls: string[] = []
  await run(async ({ lab, always }) => {
    const check = async () => {
      calls.push(`${lab.now} starts`)
      await lab.sleep('20ms')
      calls.push(`${lab.now} ends`)
    }
    always(check, { every: '150ms' })
    await lab.sleep('175ms')
  })
  expect(calls).toEqual(['0 starts', '20 ends', '170 starts', '190 ends', '190 starts', '210 ends'])
})

test.each([
  [
    'a check that throws',
    (reason: unknown) => {
      throw reason
    },
  ],
  ['a check that rejects', (reason: unknown) => Promise.reject(reason)],
])('%s ends the run immediately', async (_, fail) => {
  let ended: number | undefined
  const running = run(async ({ lab, signal, always }) => {
    signal.addEventListener('abort', () => {
      ended = lab.now
    })
    always(() => (lab.now < 120 ? undefined : fail(new Error('two leaders'))))
    await lab.sleep('1s')
  })
  await expect(running).rejects.toThrow(
    /^always, at 120 ms: two leaders\n {4}at .*checks\.test\.ts/,
  )
  expect(ended).toBe(120)
})

test('a check that fails only after the scenario fails the run', async () => {
  const running = run(async ({ lab, always }) => {
    let state = 'right'
    always(() => expect(state).toBe('right'), { every: '1h' })
    await lab.sleep('5ms')
    state = 'wrong'
  })
  await expect(running).rejects.toThrow("always, at 5 ms: expected 'wrong' to be 'right'")
})

test('eventually returns when its check holds, and needs no error object', async () => {
  let held = 0
  await run(async ({ lab, eventually }) => {
    const check = () => (lab.now < 500 ? Promise.reject('too early') : undefined)
    await eventually(check, { within: '1s' })
    held = lab.now
  })
  expect(held).toBe(500)
})

/** The client sends a datagram at 10 and 1500 ms, and checks from `after` ms on. */
const waiting =
  (after: number): LabScenario =>
  async ({ lab, eventually }) => {
    const [client, server] = lab.hosts('client', 'server')
    await lab.cable(client, server)
    const socket = await client.createSocket('udp4')
    for (const at of [10, 1500]) {
      setTimeout(() => socket.send('question', 5000, 'server'), at)
    }
    await lab.sleep(after)
    await eventually(() => Promise.reject(lab.now), { within: '1s' })
  }

const PACKET = 'client-server ab udp client:* > server:5000 packet'

test.each([
  ['no fault', [], 0, 1000],
  ['a fault of a link', [`silence 2s ${PACKET} 1`], 0, 3010],
  ['a pause', [`pause 2s on server ${PACKET} 1`], 0, 3010],
  ['a restart', [`restart 2s on server ${PACKET} 1`], 0, 3010],
  [
    'the later one of two faults',
    [`mute 2s ${PACKET} 1`, `pause 700ms on server ${PACKET} 2`],
    0,
    3200,
  ],
  ['a fault that does not end', [`silence forever ${PACKET} 2`], 1000, 2500],
  ['a crash', [`crash on server ${PACKET} 2`], 1000, 2500],
  ['a jump of a clock', [`clock +1h on server ${PACKET} 2`], 1000, 2500],
  ['a repair', [`pause 1h on server ${PACKET} 1`, `repair ${PACKET} 2`], 0, 2500],
  ['a call after the fault', [`silence 2s ${PACKET} 1`], 4000, 5000],
])('after %s, eventually fails 1 s later', async (_, faults, after, ms) => {
  await expect(run(waiting(after), faults)).rejects.toThrow(`eventually, at ${ms} ms: ${ms}`)
})

test('settles is its promise, or an error after its time', async () => {
  const scenario: LabScenario = async ({ lab, settles }) => {
    const value = lab.sleep(20).then(() => 'value')
    expect(await settles(value, { within: '30s' })).toBe('value')
    await expect(settles(Promise.reject(new Error('its own')), { within: '1s' })).rejects.toThrow(
      'its own',
    )
    const began = lab.now
    await expect(settles(new Promise(() => {}), { within: '200ms' })).rejects.toThrow(
      'not settled within 200ms',
    )
    expect(lab.now - began).toBe(200)
    await settles(new Promise(() => {}), { within: '50ms' })
  }
  await expect(run(scenario)).rejects.toThrow(
    /^Error: not settled within 50ms: new Promise\(\(\) => \{\}\)\n {4}at .*checks\.test\.ts/,
  )
})

test('a check that hangs ends with the timeout of the run', async () => {
  const hangs = () => new Promise(() => {})
  const always: LabScenario = ({ always }) => always(hangs)
  const eventually: LabScenario = ({ eventually }) => eventually(hangs, { within: '1ms' })
  for (const scenario of [always, eventually]) {
    await expect(run(scenario, [], '2s')).rejects.toThrow('timed out after 2000 ms')
  }
})

test('fake timers do not change the time of checks', async () => {
  const running = run(async ({ lab, always, eventually }) => {
    vi.useFakeTimers()
    always(() => {
      if (lab.now < 70) return
      // While the lab is open: later it would put the lab's timers back.
      vi.useRealTimers()
      throw new Error('over')
    })
    await eventually(() => expect(lab.now).toBe(50), { within: '60ms' })
    await lab.sleep('1s')
  })
  await expect(running).rejects.toThrow('always, at 70 ms: over')
})

test.each<[string, LabScenario]>([
  ['always: undefined is not a function', ({ always }) => always(undefined as never)],
  [
    "always: every: 0 is not a duration, such as '30s'",
    ({ always }) => always(() => {}, { every: 0 }),
  ],
  [
    "eventually: '5s' is not an object with options",
    ({ eventually }) => eventually(() => {}, '5s' as never),
  ],
  [
    "eventually: within: undefined is not a duration, such as '30s'",
    ({ eventually }) => eventually(() => {}, {} as never),
  ],
])('%s', async (why, scenario) => {
  await expect(run(scenario)).rejects.toThrow(why)
})
