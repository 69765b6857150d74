/** packages/lab/docs/testing.md and its parts work: their tests pass under vitest and node:test. */
import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { list } from '#support/list.ts'
import { readPages } from '#support/pages.ts'
import { createLab } from '../../../packages/lab/src/index.ts'
import { LabHost } from '../../../packages/lab/src/network/host.ts'
import { LabLink } from '../../../packages/lab/src/network/link.ts'
import { reasonToSkipKernelTests } from '../../../scripts/kernel-tests.mjs'

const page = readPages(
  ...['testing', 'testing-links', 'testing-nat'].map(name => `packages/lab/docs/${name}.md`),
)
const blocks = [...page.matchAll(/^```js\n(.*?)^```$/gms)].map(([, code]) => code as string)
const [failing = '', longer = '', withUsing = '', withHooks = '', jest = '', ...others] = blocks
/** The first test with the longer limit, which replaces one of its lines. */
const repaired = failing.replace(/^.*AbortSignal.*\n/m, longer)
/** The lines that the page shows of the output of the first test. */
const [, shown = ''] = /^```\n( FAIL .*?)^```$/ms.exec(page) ?? []
/** Without the statistics of a link, which test/kernel/recipes.test.ts reads. */
const networks = others.filter(code => code.includes('lab.'))

const kernelTest = test.skipIf(reasonToSkipKernelTests() !== undefined)

kernelTest.each(['kernel', 'memory'])(
  'the first test fails in the world %s as the page shows',
  world => {
    using consumer = new Consumer()
    consumer.write('first.test.js', failing)
    const { status, stdout, stderr } = consumer.vitest([], { env: { VNET_WORLD: world } })
    expect(status).toBe(1)
    expect(shown).toContain('vnet: dropped')
    for (const line of shown.trim().split('\n')) {
      expect(stdout + stderr).toContain(line.trim())
    }
  },
)

kernelTest.each(['kernel', 'memory', 'both'])(
  'the repaired test and the test for jest pass with VNET_WORLD=%s',
  world => {
    using consumer = new Consumer()
    expect(repaired).not.toBe(failing)
    consumer.write('vitest.test.js', repaired)
    consumer.write('jest.test.js', jest)
    // As the page says of jest; vitest has it for both.
    const { status, stdout } = consumer.vitest(['--globals', '--testTimeout=30000'], {
      env: { VNET_WORLD: world },
    })
    expect([status, stdout]).toEqual([0, expect.stringMatching(/Tests {2}2 passed/)])
  },
)

kernelTest('the tests for node:test pass', () => {
  using consumer = new Consumer()
  consumer.write('using.ts', withUsing)
  const compile = [
    '--noCheck',
    '--target',
    'es2022',
    '--module',
    'nodenext',
    '--outDir',
    '.',
    'using.ts',
  ]
  expect(
    consumer.node([resolve('node_modules/.bin/tsc'), '--ignoreConfig', ...compile]),
  ).toMatchObject({ status: 0 })
  consumer.write('hooks.js', withHooks)
  const { status, stdout } = consumer.node([
    '--test',
    '--test-reporter=tap',
    'using.js',
    'hooks.js',
  ])
  expect([status, stdout]).toEqual([0, expect.stringMatching(/^# pass 2$/m)])
})

kernelTest('the networks of the page can be made, and their hosts reach each other', async () => {
  expect(networks).toHaveLength(9)
  const statuses: unknown[] = []
  for (const network of networks) {
    await using lab = await createLab()
    const noting = network.replace(
      /^await (\w+|hosts\.\w+)\.exec\((.*)\)$/gm,
      'statuses.push((await $1.exec($2)).status)',
    )
    const [a, b] =
      noting.includes('lab.hosts') || noting.includes('lab.topology') ? [] : lab.hosts('a', 'b')
    const AsyncFunction = (async () => {}).constructor as FunctionConstructor
    await new AsyncFunction('lab', 'a', 'b', 'statuses', noting)(lab, a, b, statuses)
  }
  expect(statuses).toEqual(Array(9).fill(0))
})

test('the page names what a host and a link have', () => {
  const table = (heading: string) => page.split(heading)[1]!.split('\n\n')[0]!
  const members = ({ prototype }: { prototype: object }) =>
    Object.getOwnPropertyNames(prototype).filter(
      name => !['constructor', 'close', 'path', 'change'].includes(name),
    )
  const internal = list(
    'refuse addNeighbours addInterface removeLink shut open addFault addConnectionFault place programs faults restart endInit endWorkers rebind rebindAtFault forward partitionIn dropLines name watched reset capture placeFor giveDisk unclosed',
  )
  for (const [heading, names] of [
    ['| of a host | |', members(LabHost)],
    ['| of a link | |', members(LabLink)],
  ] as const) {
    const text = `${table(heading)} createConnection`
    expect(names.filter(name => !internal.includes(name) && !text.includes(`${name}`))).toEqual([])
  }
})
