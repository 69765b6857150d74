/**
 * docs/write-a-driver.md and its sequel work: their blocks are assembled into files as they
 * describe, in a directory of links to this clone. Their commands run there in a network namespace
 * and must print what the pages show; what `node --test` prints also with a newer Node. Every step
 * is strict TypeScript.
 */
import { spawn } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  blocks,
  declarations,
  linkClone,
  merge,
  Session,
  steps,
  typeErrors,
} from '#support/driver-page.ts'
import { fileDirectory, freshDirectory } from '#support/fresh-directory.ts'
import { type Netns, OwnNetns, outcome } from '#support/netns.ts'
import { readPages } from '#support/pages.ts'
import { reasonToSkipKernelTests } from '../../../scripts/kernel-tests.mjs'

/** ms to fetch a Node that the machine does not have. */
const DOWNLOAD = 300_000
/** ms for one part: its pings wait, and its programs start one after the other. */
const PART = 300_000

const page = readPages('docs/write-a-driver.md', 'docs/write-a-driver-test.md')
const needsRoot = (section: string) => /^ready$/m.test(section)
const skipped = reasonToSkipKernelTests() !== undefined

/** `[heading, text]` of every part with commands. */
const sections = page
  .split(/^## /m)
  .slice(1)
  .map(text => [text.split('\n')[0]!, text] as const)
  .filter(([, text]) => text.includes('```'))

let nodeThatRunsTypeScript: string
/** In the namespace npm has its cache alone: the packages that vnet depends on must be in it. */
const cached = fileDirectory()
beforeAll(async () => {
  const { dependencies } = JSON.parse(readFileSync('package.json', 'utf8'))
  const packages = Object.entries(dependencies).map(([name, version]) => `${name}@${version}`)
  const words = ['install', '--ignore-scripts', '--prefer-offline', '--no-audit', ...packages]
  expect(await outcome(spawn('npm', words, { cwd: cached, stdio: 'pipe' }))).toMatchObject({
    status: 0,
  })
  const child = spawn('npx', ['-y', '-p', 'node@24', '--', 'node', '-p', 'process.execPath'], {
    stdio: 'pipe',
  })
  nodeThatRunsTypeScript = (await outcome(child)).stdout.trim()
}, DOWNLOAD)

let own: OwnNetns
let netns: Netns | undefined
const directory = freshDirectory()
let clone: string

beforeEach(() => {
  clone = join(directory, 'vnet')
  linkClone(clone)
  if (skipped) return
  own = new OwnNetns()
  netns = own.addQuiet()
})
afterEach(() => {
  if (!skipped) {
    own.remove()
  }
})

for (const isNewer of [false, true]) {
  for (const [heading, text] of sections) {
    if (isNewer && !text.includes('node --test')) continue
    test.skipIf(skipped && needsRoot(text))(
      `${heading}: its code and commands do what it shows${isNewer ? ', with Node 24' : ''}`,
      async () => {
        for (const [name, code] of files(heading)) {
          writeFileSync(join(clone, name), code)
        }
        const node = isNewer || text.includes('```ts') ? nodeThatRunsTypeScript : process.execPath
        const session = new Session({ page, clone, node, netns })
        for (const { kind, code } of blocks(text)) {
          if (kind === '') {
            await session.play(steps(code))
          }
        }
        await session.stop()
      },
      PART,
    )
  }
}

test('every step of docs/write-a-driver.md, and its test, is strict TypeScript', () => {
  const typed = join(directory, 'typed')
  const names = sections.flatMap(([heading], i) =>
    [...files(heading)]
      .filter(([name]) => name.endsWith('.js'))
      .map(([name, code]) => {
        const file = join(typed, String(i), name)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, code)
        return file
      }),
  )
  expect(names.length).toBeGreaterThan(10)
  expect(typeErrors(typed, names)).toBe('')
})

test('the driver in docs/write-a-driver.md is examples/mirror.js', () => {
  const byName = ([a]: readonly [string, string], [b]: readonly [string, string]) =>
    a < b ? -1 : 1
  const parts = (code: string) =>
    [...declarations(code)].filter(([name]) => !name.includes('import ')).sort(byName)
  const imports = (code: string) =>
    [...code.matchAll(/^(?:\/\*\* @)?import \{(.*?)\}/gms)].flatMap(
      ([, names]) => names!.match(/\w+/g)!,
    )
  const example = readFileSync('examples/mirror.js', 'utf8')
  const built = files('From here').get('mirror.js')!
  expect(parts(example)).toEqual(parts(built))
  // The steps also drop what does not fit in the ring, until the queue is stopped.
  expect([...imports(example), 'SKB_DROP_REASON_FULL_RING'].sort()).toEqual(imports(built).sort())
})

/** Returns every file as it is after the part of that heading. */
function files(heading: string): Map<string, string> {
  const until = page.indexOf('\n## ', page.indexOf(`## ${heading}`))
  const found = new Map<string, string>()
  let mirror = new Map<string, string>()
  for (const { kind, code, before } of blocks(page.slice(0, until < 0 ? undefined : until))) {
    if (kind === '') continue
    const [, name] = before.match(/This is `([\w.]+)`/) ?? []
    if (name !== undefined) {
      found.set(name, code)
    } else {
      mirror = merge(mirror, declarations(code))
      found.set('mirror.js', [...mirror.values()].join('\n'))
    }
  }
  return found
}
