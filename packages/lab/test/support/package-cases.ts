/**
 * Packages work unmodified on hosts, alike in the kernel and in memory
 * (packages/lab/docs/packages.md). Each case has a server, and a question with a computed reply:
 * asked once, once while its first packet is lost, and once after the server has started again.
 */
import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { fileDirectory } from '#support/fresh-directory.ts'
import { createLab } from '../../src/index.ts'

const SUITE = join(import.meta.dirname, '../packages')

interface Case {
  /** Starts the server on its host. Resolves to a function that ends it. */
  serve(): Promise<() => Promise<unknown>>
  ask(): Promise<unknown>
  readonly answer: unknown
  /** Which packets may be lost. */
  readonly filter?: string
}

/** The names of all cases. */
export const NAMES: readonly string[] = readdirSync(join(SUITE, 'cases')).map(file =>
  file.replace('.mjs', ''),
)

/** An installation of hundreds of packages may take minutes. */
const INSTALL_MS = 600_000

/** Tests the cases with these names. `options` are for `npm ci`. Returns where it installs them. */
export function testPackages(names: readonly string[], ...options: readonly string[]): string {
  // vitest leaves what is in a directory of this name to Node, which resolves packages on its own.
  const directory = join(fileDirectory(), 'node_modules/cases')

  beforeAll(() => {
    cpSync(SUITE, directory, { recursive: true })
    const args = ['ci', '--ignore-scripts', '--no-audit', '--no-fund', ...options]
    execFileSync('npm', args, {
      cwd: directory,
      timeout: INSTALL_MS,
      stdio: ['ignore', 'ignore', 'inherit'],
    })
  }, INSTALL_MS)

  test.each(names.flatMap(name => [`${name} in memory`, `${name} in the kernel`]))(
    '%s',
    async title => {
      const name = title.split(' ', 1)[0]
      const {
        serve,
        ask,
        answer,
        filter = 'tcp',
      } = (await import(join(directory, 'cases', `${name}.mjs`))) as Case
      const lab = await createLab({ world: title.endsWith('memory') ? 'memory' : 'kernel' })
      onTestFinished(() => lab.close())
      const [client, server] = lab.hosts('client', 'server')
      const link = await lab.cable(client, server)
      const check = async () => {
        const found = await client.run(ask)
        if (answer instanceof RegExp) {
          expect(found).toMatch(answer)
        } else {
          expect(found).toEqual(answer)
        }
      }
      const end = await server.run(serve)
      await check()
      const fault = await link.ab.drop(filter, { nth: 1 })
      await check()
      expect(fault.hits).toBe(1)
      await server.run(end)
      // The client learns of it.
      await lab.sleep(100)
      const endAgain = await server.run(serve)
      await check()
      // A timer of a server would send on a socket that the lab has closed.
      await server.run(endAgain)
    },
  )
  return directory
}
