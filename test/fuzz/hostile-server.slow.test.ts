/**
 * A client against hostile servers: every request ends with a reply or a clear error, in bounded
 * memory.
 */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { VnetError } from '#src/base/errno.ts'
import { ControlClient } from '#src/control/index.ts'
import { loadNative } from '#src/linux/native.ts'
import { freshDirectory } from '#support/fresh-directory.ts'
import { Chance } from '#support/fuzz-netlink.ts'
import { BEHAVIOURS, type Behaviour, hostileServer } from '#support/hostile-server.ts'
import { SEED, scaled } from '#support/scale.ts'

const QUESTIONS = scaled(50_000)
const TIMEOUT_MS = 50
const device = { ifindex: 2, name: 'hostile0', netns: undefined }

/** The cheap behaviours; the others are rare. */
const CHEAP: readonly Behaviour[] = BEHAVIOURS.filter(
  each => each !== 'endless' && each !== 'silent',
)

const directory = freshDirectory()

const ask: readonly ((client: ControlClient, vnet: string) => Promise<unknown>)[] = [
  (client, vnet) => client.echo(vnet, 'hello'),
  (client, vnet) => client.devices(vnet),
  (client, vnet) => client.stats(vnet, device),
  (client, vnet) => client.resetStats(vnet, device),
  (client, vnet) => client.setCarrier(vnet, device, true),
  (client, vnet) => client.params(vnet, device),
  (client, vnet) => client.param(vnet, device, 'lockup'),
  (client, vnet) => client.setParam(vnet, device, 'lockup', '3'),
  (client, vnet) => client.segment(vnet, device),
  (client, vnet) => client.trigger(vnet, device, 'lockup'),
  (client, vnet) => client.ioctl(vnet, device, { cmd: 0x89f1, data: new Uint8Array(64) }),
  (client, vnet) => client.subscribe(vnet, () => {}).then(subscription => subscription.close()),
]

test('every request to a hostile server ends with a reply or one error', {
  timeout: 900_000,
}, async () => {
  const chance = new Chance(SEED)
  let behaviour: Behaviour = 'bent'
  const path = join(directory, 'it.sock')
  const server = await hostileServer(path, new Chance(SEED + 1), () => behaviour)
  const before = process.memoryUsage().rss
  const outcomes = { answered: 0, refused: 0 }
  for (let i = 0; i < QUESTIONS; i++) {
    const rare = chance.below(100)
    if (rare === 0) {
      behaviour = 'silent'
    } else {
      behaviour = rare === 1 && chance.below(20) === 0 ? 'endless' : chance.of(CHEAP)
    }
    using client = new ControlClient(loadNative(), { timeoutMs: TIMEOUT_MS })
    const which = chance.below(ask.length)
    await ask[which]!(client, path).then(
      () => outcomes.answered++,
      error => {
        outcomes.refused++
        if (error instanceof VnetError && !error.message.includes('\n')) return
        throw new Error(`seed ${SEED}, question ${i}, kind ${which}, ${behaviour}: ${error}`, {
          cause: error,
        })
      },
    )
  }
  expect(outcomes.answered).toBeGreaterThan(QUESTIONS / 20)
  expect(outcomes.refused).toBeGreaterThan(QUESTIONS / 20)
  expect((process.memoryUsage().rss - before) >> 20).toBeLessThan(1024)
  await new Promise(resolve => server.close(resolve))
})
