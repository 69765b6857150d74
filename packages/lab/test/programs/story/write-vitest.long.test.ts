/** The test files that are written for stories, run by vitest. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { ReplayInput } from '#src/cli/replay/input.ts'
import { Consumer } from '#support/consumer.ts'
import { readStory } from '../../../src/commands/test-from.ts'
import type { FlowStory, Story } from '../../../src/story/story.ts'
import { storyTest, storyTraces } from '../../../src/story/write-text.ts'
import { STORIES } from '../../support/stories.ts'
import { vitestResults } from '../../support/story-results.ts'
import { runForStory, storyOf } from '../../support/story-runs.ts'

const consumer = new Consumer()
afterAll(() => consumer[Symbol.dispose]())
const names = Object.keys(STORIES)

/** Runs a test. Returns the stories of its own captures. */
async function storiesOf(file: string): Promise<Story[]> {
  const captures = join(consumer.directory, `${file}.captures`)
  consumer.vitest([file], { env: { VNET_WORLD: '', VNET_CAPTURE: captures } })
  const files = readdirSync(captures, { recursive: true, encoding: 'utf8' }).filter(file =>
    file.endsWith('.pcapng'),
  )
  return Promise.all(
    files.map(
      async file => (await readStory(file, new ReplayInput(join(captures, file)).chunks())).story,
    ),
  )
}

const resultsOf = (files: readonly string[]) => vitestResults(consumer, files)

test('a written test of each kind of story passes as written', () => {
  for (const [i, story] of Object.values(STORIES).entries()) {
    consumer.write(`s${i}.test.js`, storyTest(story))
  }
  const files = names.map((_, i) => `s${i}.test.js`)
  expect(resultsOf(files)).toEqual(Object.fromEntries(files.map(file => [file, 'passed'])))
})

test('a written test repeats the delays of a link that changes', async () => {
  const rows = [50, 70, 110, 150, 120, 60].map((delay, i) => `${i / 2},${delay}`)
  consumer.write('link.csv', ['time,delay', ...rows, ''].join('\n'))
  const wire = `trace ${join(consumer.directory, 'link.csv')} once`
  const [atClient] = await runForStory({ application: 'http', wire, seed: 1, size: 4_000_000 })
  const story = storyOf(atClient!.packets)
  for (const [name, text] of storyTraces(story, {})) {
    consumer.write(`link.${name}`, text)
  }
  consumer.write('link.test.js', storyTest(story, { traces: 'link.' }))
  const [again] = await storiesOf('link.test.js')
  const tripOf = (flow: FlowStory | undefined, key: 'min' | 'p95' | 'max') =>
    (flow?.rtt.ab?.[key] ?? 0) + (flow?.rtt.ba?.[key] ?? 0)
  for (const key of ['min', 'p95', 'max'] as const) {
    const share = tripOf(again?.flows[0], key) / tripOf(story.flows[0], key)
    expect(Math.abs(share - 1), `${key}: ${share}`).toBeLessThan(0.2)
  }
})

test('the capture of a written test has the same story', async () => {
  const name = 'several servers and connections'
  consumer.write('same.test.js', storyTest(STORIES[name]!))
  const stories = await storiesOf('same.test.js')
  const placesOf = (flows: readonly FlowStory[]) =>
    flows.flatMap(({ server, statements }) =>
      statements
        .filter(({ packet }) => packet)
        .map(({ kind, way, packet }) => [server.port, kind, way, packet]),
    )
  const expected = placesOf(STORIES[name]!.flows).map(([port, _, ...rest]) => [
    port,
    'lost',
    ...rest,
  ])
  const seen = placesOf(stories.flatMap(({ flows }) => flows))
  expect(seen).toHaveLength(expected.length)
  expect(seen).toEqual(expect.arrayContaining(expected))
})

test('a written test fails without the fault that ends its connection, and with a fault at no packet', () => {
  const text = (name: string) => storyTest(STORIES[name]!)
  consumer.write(
    'reset.test.js',
    text('a reset').replace("'reset client-server", "'duplicate client-server"),
  )
  consumer.write(
    'silent.test.js',
    text('a silence without an end').replace("'silence forever", "'silence 1s"),
  )
  consumer.write(
    'missed.test.js',
    text('a lost segment of HTTP').replaceAll('seq 1449', 'seq 9999'),
  )
  expect(resultsOf(['reset.test.js', 'silent.test.js', 'missed.test.js'])).toEqual({
    'reset.test.js': expect.stringContaining('Error: timed out after'),
    'silent.test.js': expect.stringContaining('Expected values to be strictly equal'),
    'missed.test.js': expect.stringContaining('the run has only 0 of the 1 packets of the faults'),
  })
})

test('programs of a client and a server replace the messages', () => {
  consumer.write(
    'server.mjs',
    "import http from 'node:http'\nexport default () => http.createServer((_, reply) => reply.end('yes')).listen(80)",
  )
  const client = (attempts: number) => `export default async ({ signal }) => {
    for (let left = ${attempts}; ; left--) {
      try {
        return await (await fetch('http://server/', { signal })).text()
      } catch (error) {
        if (left === 1) throw error
      }
    }
  }`
  consumer.write('once.mjs', client(1))
  consumer.write('twice.mjs', client(2))
  const story = STORIES['a reset']!
  const [flow] = story.flows
  const [statement] = flow!.statements
  // The reset of the first request, which every program has.
  const first = {
    ...story,
    flows: [
      {
        ...flow!,
        statements: [{ ...statement!, way: 'ab', packet: { part: 'seq', n: 1, copy: 1 } } as const],
      },
    ],
  }
  for (const name of ['once', 'twice']) {
    consumer.write(
      `${name}.test.js`,
      storyTest(first, { client: `./${name}.mjs`, server: './server.mjs' }),
    )
  }
  // The messages of the capture in place of the server.
  consumer.write('alone.test.js', storyTest(first, { client: './once.mjs' }))
  expect(resultsOf(['once.test.js', 'twice.test.js', 'alone.test.js'])).toEqual({
    'once.test.js': expect.stringContaining('fetch failed'),
    'twice.test.js': 'passed',
    'alone.test.js': expect.stringContaining('fetch failed'),
  })
})
