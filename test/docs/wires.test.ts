/** The words of wires have every keyword and preset, and the examples of pages do what they say. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { WireResources } from '#src/netdev/device-wire.ts'
import { KEYWORDS, PRESETS, parseWire } from '#src/wire/parse.ts'
import { parseScenario } from '#src/wire/scenario-file.ts'
import { STAGES } from '#src/wire/stages.ts'
import { PRESET_SOURCES, WORDS } from '#src/wire/words.ts'
import { readPages } from '#support/pages.ts'
import { EXAMPLES } from '../wire/grammar/examples.ts'

const page = readPages(
  'docs/wires.md',
  'docs/wires-links.md',
  'docs/wires-time.md',
  'docs/records/wires-compared.md',
)
const section = (heading: string) =>
  page.split(/^## /m).find(text => text.startsWith(heading)) ?? ''
/** The cells of a table's rows, without its heading. */
const rows = (heading: string) =>
  section(heading)
    .split('\n')
    .filter(line => line.startsWith('| '))
    .slice(1)
    .map(line => line.slice(1, -1).split(/(?<!\\)\|/))
    .map(cells => cells.map(cell => cell.trim().replaceAll('\\|', '|')))

const resources: WireResources = {
  filter: text => Object.assign(() => true, { text }),
  file: () => '1\n',
  stage: name =>
    Object.assign((next: unknown) => next, { kind: name === 'every' ? 'stage' : name }),
}

test('every keyword is described, and every example is a wire spec', () => {
  const words = Object.values(WORDS).flat()
  const named = words.flatMap(({ text }) => text.match(/(?<!\S)[a-z_0-9]+/g) ?? [])
  const inside = words.flatMap(({ text }) => text.match(/(?<=\[)[a-z_]+/g) ?? [])
  expect([...KEYWORDS].filter(word => ![...named, ...inside].includes(word))).toEqual([])
  for (const text of words.flatMap(({ examples }) => examples)) {
    expect(parseWire(text, resources).length, text).toBeGreaterThan(0)
  }
})

test('every preset has the source of its figures', () => {
  expect(Object.keys(PRESET_SOURCES)).toEqual([...PRESETS.keys()])
})

/** The names of stages in the list of the page, if they differ from the kinds. */
const LISTED: Readonly<Record<string, string>> = {
  fault: 'faults',
  rate: 'rate or trace or lte and its like',
  delay: 'delay with reorder',
}

test('docs/wires.md states the order of stages in one group', () => {
  const [, list = ''] = /^ {4}(partition,.*?)\n\n/ms.exec(section('Order')) ?? []
  // A group has at most one of the stages with a queue.
  const kinds = STAGES.filter(({ kind, part }) => part?.key !== 'queue' || kind === 'rate')
  expect(list.split(/,\s+/)).toEqual(kinds.map(({ kind }) => LISTED[kind] ?? kind))
  const texts = kinds.map(kind => EXAMPLES.find(([of]) => of === kind)?.[1])
  const stages = parseWire(texts.reverse().join(' '), resources)
  expect(stages.map(({ kind }) => kind)).toEqual(kinds.map(({ kind }) => kind))
})

test('the scenario in docs/wires-time.md is one', () => {
  const [, yaml = ''] = /```yaml\n(.*?)```/s.exec(section('Over time')) ?? []
  const { steps, repeat } = parseScenario(yaml, 'page', (text, direction) =>
    parseWire(text, resources, direction),
  )
  expect([steps.length, repeat, steps[2]?.carrier]).toEqual([4, 60e9, false])
})

test('docs/records/wires-compared.md names existing tests, and keywords that a wire has', () => {
  const table = rows('What other tools do')
  const tests = table.flatMap(([, , , files = '']) =>
    [...files.matchAll(/`(.*?)`/g)].map(([, file]) => file),
  )
  expect(tests.length).toBeGreaterThan(table.length / 2)
  for (const file of tests) {
    expect(existsSync(new URL(`../${file}`, import.meta.url)), file).toBe(true)
  }
  for (const [, , text = ''] of table) {
    for (const [, word = ''] of text.matchAll(/`([a-z_0-9]+)[^`]*`/g)) {
      expect([...KEYWORDS, 'vnet', 'pcap', 'repeat']).toContain(word)
    }
  }
})
