/** The front page of the site says the same as the pages to which it leads. */
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { frontPage } from '../../docs/.vitepress/front.mjs'
import { reportLines } from '../../packages/lab/src/run/run-report.ts'
import { foundPackages } from '../../scripts/found.mjs'

const front = readFileSync('docs/.vitepress/front.md', 'utf8').replace(/\s+/g, ' ')

test('the front page has the numbers of found.json, and the downloads of the packages it names', () => {
  const { packages, unknown, known, often } = foundPackages()
  const built = frontPage().replace(/\s+/g, ' ')
  expect(built).toContain(`[${unknown} new and ${known} known defects]`)
  expect(built).toContain(`, ${often} of them with over 4 million downloads a month`)
  expect(built).not.toContain('<!--')
  const named = [...built.matchAll(/\[([\w-]+)\]\(\S+found\.md#\S+\), (\d+ M)/g)]
  expect(named).toHaveLength(3)
  for (const [, name, downloads] of named) {
    expect(packages).toContainEqual(expect.objectContaining({ name, downloads, isMany: true }))
  }
})

test('the front page has the throughputs of the README as bars', () => {
  const bars = [...frontPage().matchAll(/<\/span>([\d.]+) Gbit\/s/g)].map(([, value]) => value)
  expect(bars).toHaveLength(3)
  const readme = readFileSync('README.md', 'utf8')
  expect(bars.every(value => readme.includes(`| ${value} Gbit/s`))).toBe(true)
})

test('the front page has the number of packages that run on hosts', () => {
  const [, count] = /\[(\d+) packages\]\(\S+lab\/docs\/packages\.md\)/.exec(front) ?? []
  expect(readFileSync('packages/lab/docs/packages.md', 'utf8')).toContain(
    `These ${count} do, in both worlds`,
  )
})

test('the report on the front page has the form of the report of vnet run', () => {
  const causes = { duplicated: [], corrupted: [], reordered: [], marked: [], tooLong: 0 }
  const traffic = (packets: number, bytes: number, lost: number) => {
    return { ...causes, packets, bytes, lost: [{ packets: lost, by: 'loss 10%' }] }
  }
  const counts = {
    status: 0,
    retransmissions: 2,
    routerRetransmissions: 45,
    refused: 0,
    repeatedQueries: 0,
  }
  const both = { out: traffic(128, 9270, 10), in: traffic(448, 656_000, 45) }
  const lines = reportLines({ seed: 1, seconds: 5.9, ...counts, ...both })
  const shown = lines.filter(line => line.includes('lost')).map(line => `vnet: ${line}`)
  expect(front).toContain(`| grep lost ${shown.join(' ')} \`\`\``)
})

test('the verdicts on the front page are of the checks in memory of the first exercise', async () => {
  const { exercise } = await import('../../packages/learn/course/01-drop/exercise.js')
  const memory = exercise.memory.map(({ title }: { title: string }) => `ok ${title}`)
  expect(front).toContain(`${memory.join(' ')} 01-drop: ${memory.length} passed`)
})

test('the driver on the front page has lines of the solution of the first exercise', () => {
  const drawing = readFileSync('docs/.vitepress/front/editor.svg', 'utf8')
  const solution = readFileSync('packages/learn/course/01-drop/solution.js', 'utf8')
  const lines = [...drawing.matchAll(/<text x="\d+" y="\d+">(.*?)<\/text>/g)].map(([, line = '']) =>
    line.replace(/<[^>]+>/g, ''),
  )
  expect(lines).toHaveLength(4)
  for (const line of lines) {
    expect(solution).toContain(line)
  }
})
