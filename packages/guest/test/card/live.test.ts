/** QEMU's cards below real TAPs: `ping -f` through the driver, and both rings of each card. */
import { join } from 'node:path'
import { rolldown } from 'rolldown'
import { beforeAll, expect, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { runMain } from '#support/run-main.ts'
import { pingWithoutLoss } from '#support/traffic.ts'
import { startVnet, stopConserved } from '#support/vnet-process.ts'

const ROOT = join(import.meta.dirname, '../../../..')
const ADDRESSES = ['--address', '198.18.0.1/24', '--address', '198.18.0.2/24']

const { left, right } = freshQuietNamespaces('left', 'right')
const file = join(fileDirectory(), 'qemu-e1000.mjs')

beforeAll(async () => {
  const bundle = await rolldown({
    input: join(import.meta.dirname, 'live-driver.ts'),
    platform: 'node',
    // The compiled files know where the programs in C++ are.
    plugins: [{ name: 'compiled', resolveId: source => compiled(source) }],
  })
  await bundle.write({ file, format: 'esm' })
  await bundle.close()
})

function compiled(source: string) {
  const [, name] = /^#src\/(.*)\.ts$/.exec(source) ?? []
  return name === undefined ? undefined : { id: join(ROOT, `dist/${name}.js`), external: true }
}

test('ping -f loses none of 5000 through the two cards, and vnet show has the rings', async () => {
  const vnet = await startVnet([
    file,
    `${left.name}/left`,
    `${right.name}/right`,
    '--json',
    ...ADDRESSES,
  ])
  await pingWithoutLoss(left, '-c 5 -i 0.01 198.18.0.2')
  await pingWithoutLoss(right, '-c 5 -i 0.01 198.18.0.1')
  await pingWithoutLoss(left, '-f -c 5000 198.18.0.2')
  const { status, stdout } = await runMain('show', `${left.name}/left`)
  expect(status).toBe(0)
  expect(stdout).toMatch(/tx ring .*256/)
  expect(stdout).toMatch(/rx ring .*256/)
  const { left: a, right: b } = await stopConserved(vnet)
  for (const { total, drops } of [a!, b!]) {
    expect(total.rxPackets).toBeGreaterThanOrEqual(5010)
    expect(drops).toEqual({ tx: {}, rx: {} })
  }
})
