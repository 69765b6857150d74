/** A program that opens and closes interfaces all the time keeps neither memory nor descriptors. */
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { Worker } from 'node:worker_threads'
import { expect, test } from 'vitest'
import { freshNamespaces } from '#support/fresh-namespaces.ts'
import { either } from '#support/scale.ts'

/** Cycles, and MB of resident memory without garbage: half of it is Node's. */
const CYCLES = either(10_000, 500)
const LARGEST = 80

const { netns } = freshNamespaces('netns')

const program = (name: string) => fileURLToPath(new URL(`../support/${name}`, import.meta.url))
const links = () => JSON.parse(netns.ip('-j link')).map(({ ifname }: { ifname: string }) => ifname)

test(`${CYCLES} interfaces one after the other leave no descriptor and little memory`, async () => {
  const child = netns.spawn(`${process.execPath} --expose-gc ${program('tap-churn.mjs')} ${CYCLES}`)
  const [stdout, [status]] = await Promise.all([
    child.stdout.setEncoding('utf8').toArray(),
    once(child, 'close'),
  ])
  expect(status).toBe(0)
  const { megabytes, lost, links } = JSON.parse(stdout.join(''))
  expect({ lost, links }).toEqual({ lost: 0, links: ['lo'] })
  expect(megabytes).toBeLessThanOrEqual(LARGEST)
})

test.each(['close', 'open', 'spin'])(
  'a worker that is terminated while it does this leaves no interface: %s',
  async act => {
    const worker = new Worker(program('tap-worker.mjs'), { workerData: { netns: netns.name, act } })
    expect(await once(worker, 'message')).toEqual([act])
    await worker.terminate()
    expect(links()).toEqual(['lo'])
  },
)

test('a program that exits while it closes an interface leaves none', async () => {
  const text = `import('${program('../../dist/tap.js')}').then(async ({ openTap }) => {
    const tap = await openTap({ name: 'exit0' })
    tap.close()
    process.exit(3)
  })`
  const child = netns.spawn([process.execPath, '-e', text])
  expect((await once(child, 'close'))[0]).toBe(3)
  expect(links()).toEqual(['lo'])
})
