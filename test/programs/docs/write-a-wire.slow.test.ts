/**
 * docs/write-a-wire.md works: its program runs in a directory of links to this clone, between two
 * network namespaces, and prints what the page shows.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFileSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, test } from 'vitest'
import { testDirectory } from '#support/fresh-directory.ts'
import { OwnNetns } from '#support/netns.ts'
import { reasonToSkipKernelTests } from '../../../scripts/kernel-tests.mjs'

const [program = '', , , whole = ''] = [
  ...readFileSync('docs/write-a-wire.md', 'utf8').matchAll(/^```js\n(.*?)^```$/gms),
].map(([, code]) => code as string)

/** Calls `fn` with a directory in which 'vnet' is this clone. */
async function inClone(fn: (directory: string) => Promise<void>): Promise<void> {
  const directory = testDirectory()
  copyFileSync('package.json', join(directory, 'package.json'))
  for (const entry of ['dist', 'node_modules', 'build']) {
    symlinkSync(resolve(entry), join(directory, entry))
  }
  await fn(directory)
}

test.skipIf(reasonToSkipKernelTests() !== undefined)(
  'the impairment of the page drops every third packet, and counts it',
  () =>
    inClone(async directory => {
      const own = new OwnNetns()
      try {
        const [left, right] = [own.addQuiet(), own.addQuiet()]
        const code = program.replace('left/', `${left.name}/`).replace('right/', `${right.name}/`)
        writeFileSync(join(directory, 'third.js'), code)
        const child = spawn(process.execPath, ['third.js'], {
          cwd: directory,
          stdio: ['ignore', 'pipe', 'inherit'],
        })
        const lines: string[] = []
        const reader = createInterface({ input: child.stdout })
        reader.on('line', line => lines.push(line))
        await once(reader, 'line')
        expect(lines).toEqual(['ready'])
        await left.run('ping -c 9 -i 0.05 198.18.0.2')
        // Ends with a reply, which has left the delay after all others.
        await left.run('ping -c 1 -w 30 198.18.0.2')
        child.kill('SIGINT')
        const [status] = await once(child, 'close')
        expect(status).toBe(0)
        const counts =
          /^third (\d+) (\d+) \{ third: (\d+) \}$/
            .exec(lines[1] ?? '')
            ?.slice(1)
            .map(Number) ?? []
        const [entered = 0, out = 0, dropped = 0] = counts
        expect(entered).toBeGreaterThan(8)
        expect([out, dropped]).toEqual([entered - Math.floor(entered / 3), Math.floor(entered / 3)])
        expect(lines[2]).toBe(`delay ${out} ${out} {}`)
        expect(readdirSync('/sys/class/net')).not.toContain('a')
      } finally {
        own.remove()
      }
    }),
)

test('the stage of the page that takes GSO frames whole says so', () =>
  inClone(async directory => {
    writeFileSync(join(directory, 'pass.js'), `${whole}\nconsole.log(pass.kind, pass.takesGso)\n`)
    const child = spawn(process.execPath, ['pass.js'], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let printed = ''
    child.stdout.on('data', data => {
      printed += data
    })
    await once(child, 'close')
    expect(printed).toBe('pass true\n')
  }))
