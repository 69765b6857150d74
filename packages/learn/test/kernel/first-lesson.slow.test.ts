/** The commands of first-lesson.md, in their order: each prints the lines that the page shows. */
import { once } from 'node:events'
import { copyFileSync, mkdirSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { expect, test } from 'vitest'
import { freshDirectory } from '#support/fresh-directory.ts'
import { freshQuietNamespaces } from '#support/fresh-namespaces.ts'
import { type Outcome, outcome } from '#support/netns.ts'
import { readPages } from '#support/pages.ts'
import { PROGRAM, spawnVnet } from '#support/vnet-process.ts'
import type { Mistake } from '../../src/exercise.ts'
import { COURSE } from '../../src/folder.ts'

const page = readPages('packages/learn/docs/first-lesson.md')
const { near } = freshQuietNamespaces('near')
const directory = freshDirectory()

/**
 * The lines in their order, with others between them, and each with more at its end. The kernel
 * decides how many ARP requests it sends.
 */
function all(lines: readonly string[]): RegExp {
  const patterns = lines.map(line =>
    line
      .trim()
      .replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
      .replace(/\d+ frames/, '\\d+ frames')
      .replace(/ +/g, ' +'),
  )
  return new RegExp(patterns.map(pattern => `^.*${pattern}`).join('[^]*?'), 'm')
}

function solve(exercise: string, driver: string, student = ''): void {
  mkdirSync(join(directory, student, exercise), { recursive: true })
  copyFileSync(join(COURSE, exercise, 'solution.js'), join(directory, student, exercise, driver))
}

test('every command of the first lesson prints what the page shows', {
  timeout: 300_000,
}, async () => {
  symlinkSync(resolve('packages'), join(directory, 'packages'))
  const prelude = `cd ${directory}; vnet() { '${process.execPath}' '${PROGRAM}' "$@"; }`
  const spawn = (command: string) => near.spawn(['bash', '-c', `${prelude}; ${command}`])
  const within = ['ip', 'netns', 'exec', near.name, 'env', '-C', directory]
  // For the live page.
  near.ip('link set lo up')
  const blocks = [...page.matchAll(/^```\n(.*?)^```$/gms)].map(([, text = '']) =>
    text.split(/^(?=\$ |\^C)/m),
  )
  for (const steps of blocks) {
    let vnet: Awaited<ReturnType<typeof spawnVnet>> | undefined
    let capture: Promise<Outcome> | undefined
    let captured: readonly string[] = []
    for (const step of steps) {
      const [line = '', ...printed] = step.trimEnd().split('\n')
      const command = line.replace(/^\$ /, '')
      if (command === '^C') {
        const { stdout, stderr } = await vnet!.stop('SIGINT')
        expect(stdout + stderr).toMatch(all(printed))
        vnet = undefined
      } else if (printed[0] === 'ready') {
        vnet = await spawnVnet(command.split(' ').slice(1), { within })
      } else if (command.startsWith('tcpdump ')) {
        const child = spawn(command)
        capture = outcome(child)
        captured = printed
        await once(child.stderr, 'data')
      } else if (command.startsWith('vnet web ')) {
        const web = await spawnVnet(command.split(' ').slice(1), { within, until: /^http:/ })
        expect((await web.stop()).stdout).toMatch(all(printed))
      } else {
        const { stdout, stderr } = await outcome(spawn(command))
        expect(stdout + stderr, command).toMatch(all(printed))
      }
    }
    if (capture !== undefined) {
      expect((await capture).stdout).toMatch(all(captured))
    }
    await vnet?.stop()
    // The class solves the exercises meanwhile.
    if (steps.some(step => step.includes('vnet learn 1'))) {
      solve('01-drop', 'drop.js')
      solve('02-mirror', 'mirror.js')
      solve('01-drop', 'drop.js', 'students/anna')
      solve('02-mirror', 'mirror.js', 'students/anna')
      mkdirSync(join(directory, 'students/bob/01-drop'), { recursive: true })
      copyFileSync(join(COURSE, '01-drop/drop.js'), join(directory, 'students/bob/01-drop/drop.js'))
    }
  }
  expect(blocks).toHaveLength(5)
})

test('the page names mistakes that the checks find, by a part of their explanation', async () => {
  const tables = [...page.matchAll(/^\| mistake \|.*\n\|.*\n((?:\|.*\n)+)/gm)].map(
    ([, rows = '']) => rows,
  )
  expect(tables).toHaveLength(2)
  for (const [i, exercise] of ['01-drop', '02-mirror'].entries()) {
    const { mistakes } = (await import(join(COURSE, exercise, 'mistakes.js'))) as {
      mistakes: readonly Mistake[]
    }
    const known = new Map(mistakes.map(({ name, explainedBy }) => [name, explainedBy]))
    const rows = [...tables[i]!.matchAll(/^\| `([\w-]+)`: .*? \| `(.*?)` \| .* \|$/gm)]
    expect(rows).toHaveLength(5)
    for (const [, name = '', text] of rows) {
      expect(known.get(name), name).toContain(text)
    }
  }
})

test('the lesson lasts 90 minutes, without a gap', () => {
  const parts = [...page.matchAll(/^## (\d+) to (\d+): /gm)].map(([, from, to]) => [
    Number(from),
    Number(to),
  ])
  expect(parts.at(0)?.[0]).toBe(0)
  expect(parts.at(-1)?.[1]).toBe(90)
  for (const [i, [from]] of parts.slice(1).entries()) {
    expect(from).toBe(parts[i]?.[1])
  }
})
