/**
 * The tables of docs/ldd.md and docs/ldd-continued.md name what there is; their commands run in
 * test/kernel/ldd.long.test.ts.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readPages } from '#support/pages.ts'

const read = (path: string) => readFileSync(path, 'utf8')
const page = readPages('docs/ldd.md', 'docs/ldd-continued.md')
const map = read('docs/records/kernel-map.json')

/** The identifiers of a column: 1 is the book's, 2 the kernel's of today, 3 ours. */
function names(column: number): string[] {
  const rows = page.split('\n').filter(line => line.startsWith('| ') && !line.startsWith('| book'))
  const code = rows.flatMap(row =>
    [...(row.split('|')[column] ?? '').matchAll(/`([^`]+)`/g)].map(([, text]) => text!),
  )
  return [...new Set(code.flatMap(text => text.match(/[A-Za-z_]\w{2,}/g) ?? []))]
}

test('docs/ldd.md and docs/ldd-continued.md name existing functions, fields and options of vnet', () => {
  const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter(name =>
    /\.(ts|json)$/.test(name),
  )
  const sources = files.map(name => read(`src/${name}`)).join('\n')
  const words = new Set(sources.match(/\w+/g))
  const known = (name: string) =>
    words.has(name) || words.has(name.replace(/^dev_/, '')) || words.has(`SKB_DROP_REASON_${name}`)
  expect(names(3).length).toBeGreaterThan(60)
  expect(names(3).filter(name => !known(name))).toEqual([])
})

test('the kernel map has a row for everything that docs/ldd.md and docs/ldd-continued.md have of the book', () => {
  const words = new Set(map.match(/[A-Za-z_]\w*/g))
  expect(names(1).length).toBeGreaterThan(80)
  expect(names(1).filter(name => !words.has(name))).toEqual([])
})

test('docs/ldd.md and docs/ldd-continued.md have the headings of the chapter in its order', () => {
  const headings = [...page.matchAll(/^## (.*?)(?: \((?:2nd|3rd) edition\).*)?$/gm)].map(
    ([, heading]) => heading,
  )
  expect(headings).toEqual([
    'How snull is designed',
    'Connecting to the kernel',
    'The net_device structure in detail',
    'Opening and closing',
    'Packet transmission',
    'Packet reception',
    'The interrupt handler',
    'Receive interrupt mitigation',
    'Changes in link state',
    'The socket buffers',
    'MAC address resolution',
    'Custom ioctl commands',
    'Statistical information',
    'Multicast',
    'A few other details',
    'Backward compatibility',
    "Defects of the book's snull",
  ])
})
