/**
 * Planted bugs of explore: the wire causes 6 of 16, and hosts the others. From the capture of a run
 * that fails, vnet test-from writes a test with the programs, which fails again.
 */
import { execFileSync } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { fileDirectory } from '#support/fresh-directory.ts'
import { explore } from '../../../src/index.ts'
import { plantedIn } from '../../support/explore/planted-tests.ts'
import { vitestResults } from '../../support/story-results.ts'

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())
const directory = fileDirectory()
const folder = fileURLToPath(new URL('../../explore/planted/memory/', import.meta.url))

type Planted = Awaited<ReturnType<typeof plantedIn>>[number]

/** Returns the capture of a run that fails by a fault of the wire. */
async function captureOf({ name, scenario, faults }: Planted): Promise<string> {
  const onWire = faults.filter(fault => /^(silence|mute|forget)/.test(fault))
  const captures = join(directory, name)
  const options = {
    faults: onWire,
    world: 'memory',
    timeout: '5min',
    stopAt: 1,
    captures,
    strict: true,
  } as const
  const { failures } = await explore(scenario(true), options)
  return failures[0]?.captures[0] as string
}

/** Writes a test of a capture, with the broken or the repaired programs. */
function writeTest(name: string, capture: string, isBroken: boolean): void {
  const kind = isBroken ? name : `${name}-repaired`
  const parts = JSON.stringify(join(folder, `${name}.ts`))
  consumer.write(
    `${kind}.mjs`,
    `import { parts } from ${parts}\nexport const programs = parts(${isBroken})\n`,
  )
  for (const role of ['client', 'server']) {
    consumer.write(
      `${kind}-${role}.mjs`,
      `import { programs } from './${kind}.mjs'\nexport default programs.${role}\n`,
    )
  }
  const options = [
    '--write',
    `${kind}.test.js`,
    '--client',
    `${kind}-client.mjs`,
    '--server',
    `${kind}-server.mjs`,
  ]
  const command = [resolve('dist/vnet.js'), 'test-from', capture, ...options]
  execFileSync(process.execPath, command, { cwd: consumer.directory })
}

test('captures of planted bugs become tests that fail again, all but one without an edit', async () => {
  const planted = (await plantedIn('memory')).filter(({ parts }) => parts !== undefined)
  expect(planted).toHaveLength(6)
  for (const each of planted) {
    const capture = await captureOf(each)
    for (const isBroken of [true, false]) {
      writeTest(each.name, capture, isBroken)
    }
  }
  const results = vitestResults(consumer, [])
  const again = planted
    .filter(({ name, shows }) => shows.test(results[`${name}.test.js`] ?? ''))
    .map(({ name }) => name)
  // A mute of 1 s is too short for a story about heartbeats by UDP.
  expect(again).toEqual(planted.map(({ name }) => name).filter(name => name !== 'two-leaders'))
  const mended = planted
    .filter(({ name }) => results[`${name}-repaired.test.js`] === 'passed')
    .map(({ name }) => name)
  // The repaired client makes fewer connections, and each of them has a fault.
  expect(mended).toEqual(planted.map(({ name }) => name).filter(name => name !== 'reconnect-leak'))
  expect(results['reconnect-leak-repaired.test.js']).toContain('packets of the faults')
}, 600_000)
