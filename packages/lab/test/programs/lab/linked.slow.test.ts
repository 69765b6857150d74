/** A project with vitest in which npm has linked a clone of vnet. */
import { mkdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Consumer } from '#support/consumer.ts'
import { manifestOf, PACKAGES } from '../../../../../scripts/packages.mjs'

interface Manifest {
  readonly name: string
  readonly exports?: Readonly<Record<string, { readonly default?: string }>>
}

/**
 * Each entry of a package that has Node load the package. A `kit` is for the packages of this
 * repository, whose compiled files import the modules behind it.
 */
const entries = PACKAGES.flatMap(folder => {
  const { name, exports = {} } = manifestOf(folder) as Manifest
  return Object.entries(exports)
    .filter(([, target]) => target.default !== undefined && !/\*|commands|kit/.test(target.default))
    .map(([path, target]) => ({
      entry: join(name, path),
      file: resolve(folder, target.default as string),
    }))
})

/** A plugin that writes down what vite transforms. */
const CONFIG = `
  import { appendFileSync } from 'node:fs'
  const transform = (_, id) => appendFileSync('transformed.txt', id + '\\n')
  export default { plugins: [{ name: 'transformed', transform }] }`

const LAB = `
  import net from 'node:net'
  import { expect } from 'vitest'
  import { test } from '@vnet/lab/vitest'
  test.extend({ world: 'memory' })('connects', async ({ lab }) => {
    const [client, server] = lab.hosts('client', 'server')
    const link = await lab.cable(client, server)
    const fault = await link.ab.drop('tcp', { nth: 1 })
    await server.listen(net.createServer(socket => socket.end()), 7)
    await client.connect(7, 'server')
    expect(fault).toHaveHit()
  })`

/** What '@vnet/lab/playwright' uses of Playwright when it is loaded. */
const PLAYWRIGHT = `
  exports.expect = {}
  exports.test = { use() {}, extend() { return { ...exports.test } } }`

let project: Consumer
beforeEach(() => {
  project = new Consumer()
  project.write('vitest.config.js', CONFIG)
})
afterEach(() => project[Symbol.dispose]())

/** Runs a test file. Returns the files of the clone that vite has transformed. */
function transformedBy(text: string, args: readonly string[] = [], consumer = project): string[] {
  consumer.write('a.test.js', text)
  const { status, stdout, stderr } = consumer.vitest(
    ['a.test.js', '--testTimeout=60000', ...args],
    {
      env: { VNET_WORLD: 'memory' },
    },
  )
  expect({ status, stdout, stderr }).toMatchObject({ status: 0, stderr: '' })
  const ids = readFileSync(join(consumer.directory, 'transformed.txt'), 'utf8').trim().split('\n')
  return [...new Set(ids)].filter(id => id.startsWith(`${resolve('.')}/`)).sort()
}

test.each(['forks', 'threads', 'vmThreads'])(
  'vite transforms the entry of a test with a lab, and no other file of vnet (%s)',
  pool => {
    const [vitest] = entries.filter(({ entry }) => entry === '@vnet/lab/vitest')
    expect(transformedBy(LAB, [`--pool=${pool}`])).toEqual([vitest?.file])
  },
)

test('all entries together are what vite transforms, and lead to what Node loads itself', () => {
  mkdirSync(join(project.directory, 'node_modules/@playwright/test'), { recursive: true })
  project.write('node_modules/@playwright/test/index.js', PLAYWRIGHT)
  const names = entries.map(({ entry }) => entry)
  expect(names).toEqual(expect.arrayContaining(['vnet', 'vnet/bed', '@vnet/lab', '@vnet/inet']))
  const text = `
    import { createRequire } from 'node:module'
    import { expect, test } from 'vitest'
    ${names.map((name, i) => `import * as m${i} from '${name}'`).join('\n')}
    import { createLab } from '@vnet/lab'
    import { test as labTest } from '@vnet/lab/vitest'
    import { UsageError } from 'vnet'

    const modules = { ${names.map((name, i) => `'${name}': m${i}`).join(', ')} }
    const require = createRequire(import.meta.url)
    test.each(Object.keys(modules).filter(name => name !== '@vnet/lab/vitest'))('%s', name => {
      const loaded = require(name)
      expect(Object.keys(modules[name]).sort()).toEqual(Object.keys(loaded).sort())
      for (const key of Object.keys(loaded)) expect(modules[name][key]).toBe(loaded[key])
    })
    labTest('a lab', async ({ lab }) => {
      const other = await createLab()
      expect(lab.constructor).toBe(other.constructor)
      await other.close()
      await expect(createLab({ seed: 'x' })).rejects.toBeInstanceOf(UsageError)
    })`
  expect(transformedBy(text)).toEqual(entries.map(({ file }) => file).sort())
})

test('a test runs with the vitest of the project, not with the one of the clone, and so does the check of its version', () => {
  using own = new Consumer({ copies: true })
  own.write('vitest.config.js', CONFIG)
  expect(transformedBy(LAB, [], own)).toHaveLength(1)
  const name = 'node_modules/vitest/package.json'
  const manifest = JSON.parse(readFileSync(join(own.directory, name), 'utf8'))
  own.write(name, JSON.stringify({ ...manifest, version: '3.1.0' }))
  expect(own.vitest(['a.test.js']).stderr).toContain('needs vitest 3.2 to 5, not 3.1.0')
})
